"""Mutants of GET-1."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    NotFoundError,
    VersionedRecord,
)


class NotFoundWithSwappedIds(InMemoryBackend):
    """breaks GET-1: the error has owner and task in each other's place, as after a call with two
    strings of the same type in the wrong order.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            raise NotFoundError(task_id, owner_id) from None


class UnknownOwnerIsAnError(Seamed):
    """breaks GET-1: a key of an owner that nobody wrote to is a BackendError, as in storages with
    a bucket, a table or a folder for each owner.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._storage.lock:
            owners = {owner for owner, _ in self._storage.rows}
        if owner_id not in owners:
            raise BackendError("there is no such bucket")
        return super()._get(owner_id, task_id)
