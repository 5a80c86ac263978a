"""Mutants of ERR-3."""

from __future__ import annotations

from collections.abc import Iterator

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    CorruptRecordError,
    InMemoryBackend,
    VersionedRecord,
)


class CorruptIsLeftOut(InMemoryBackend):
    """breaks ERR-3: a listing leaves out rows that it cannot read: `except: continue`."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return list(self._readable(owner_id, [task_id for task_id, _ in page]))

    def _readable(self, owner_id: str, task_ids: list[str]) -> Iterator[VersionedRecord]:
        for task_id in task_ids:
            try:
                yield self._get(owner_id, task_id)
            except CorruptRecordError:
                continue


class CorruptIsNameless(InMemoryBackend):
    """breaks ERR-3: the listing's error does not say which row: nobody can repair it."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        try:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        except CorruptRecordError as error:
            raise CorruptRecordError(owner_id, "", error.message) from error


class CorruptCannotBeDeleted(Seamed):
    """breaks ERR-3: delete reads the row first and fails on it, so the row stays forever."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.row((owner_id, task_id)) is not None:
            self._get(owner_id, task_id)
        return super()._delete(owner_id, task_id)
