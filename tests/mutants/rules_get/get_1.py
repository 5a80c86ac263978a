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


class FindsByAbbreviation(Seamed):
    """breaks GET-1: an absent id finds the only task whose id begins with it, as short commit
    hashes and container ids do.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            found = [
                e
                for e in self._list_by_owner(owner_id, limit=10_000, after=None)
                if e.record.task_id.startswith(task_id)
            ]
            if len(found) != 1:
                raise
            return found[0]


class ErrorsSplitKeys(InMemoryBackend):
    """breaks GET-1: the error has the ids of a joined key that was split at its first colon."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError as error:
            owner, _, task = f"{owner_id}:{task_id}".partition(":")
            raise NotFoundError(owner, task) from error
