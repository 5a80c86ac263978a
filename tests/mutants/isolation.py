"""Mutants of ISO: objects shared between the storage and its callers."""

from __future__ import annotations

from contextlib import suppress

from mutants.base import Seamed, key_of
from pmcp_storage import MemoryStorage, NotFoundError, StorageError, TaskRecord, VersionedRecord
from pmcp_storage.backends.memory import Key


def detached(found: VersionedRecord) -> VersionedRecord:
    return VersionedRecord(TaskRecord.from_json(found.record.to_json()), found.version)


class Caching(Seamed):
    """Keeps records as objects beside the rows; an entry counts while its version is stored."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._objects: dict[Key, VersionedRecord] = {}

    def cached(self, key: Key) -> VersionedRecord | None:
        found = self._objects.get(key)
        return found if found and found.version == self.version(key) else None

    def keep(self, record: TaskRecord, version: int) -> None:
        self._objects[key_of(record)] = VersionedRecord(record, version)


class KeepsTheCallersRecord(Caching):
    """breaks ISO-1: a cache keeps the very record that was written, as write-through caches do, so
    a later change of the caller's is read as stored.
    """

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        self.keep(record, version)
        return version

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self.keep(record, version)
        return version

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)


class SwapKeepsTheCallersRecord(Caching):
    """breaks ISO-1: only put_if_version keeps the caller's record: one path forgot to copy."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        self.keep(record, version)
        return version

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)


class GetSharesItsCache(Caching):
    """breaks ISO-2: a second get returns the object that the first one returned: lru_cache over
    mutable records.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        if found is None:
            found = super()._get(owner_id, task_id)
            self.keep(found.record, found.version)
        return found


class MetaIsShared(Caching):
    """breaks ISO-2: variables and result are copied for each caller, the task and its _meta are
    not.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        cached = self.cached((owner_id, task_id))
        if cached is None:
            self.keep(found.record, found.version)
        else:
            vars(found.record)["task"] = cached.record.task
        return found


class ListingSharesItsCache(Caching):
    """breaks ISO-3: a listing fills a cache with the objects that it returns; get copies what it
    takes from there, which is too late.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        entries = super()._list_by_owner(owner_id, limit=limit, after=after)
        for entry in entries:
            self.keep(entry.record, entry.version)
        return entries


class ListingIsTheIndex(Caching):
    """breaks ISO-3: the list that a listing returns is the storage's own, so clearing it empties
    the owner.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._lists: dict[str, tuple[list[Key], list[VersionedRecord]]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        entries = super()._list_by_owner(owner_id, limit=limit, after=after)
        state = [(entry.record.task_id, str(entry.version)) for entry in entries]
        known = self._lists.get(owner_id)
        if after is None and known and known[0] == state:
            return known[1]
        self._lists[owner_id] = (state, entries)
        return entries


class WritesIntoTheRecord(Seamed):
    """breaks ISO-4: a write puts its bookkeeping into the caller's variables and leaves it there
    when the write is refused, as drivers that add an _id do.
    """

    def _create(self, record: TaskRecord) -> int:
        record.variables["_writing"] = True
        with suppress(KeyError):
            version = super()._create(clean(record))
            del record.variables["_writing"]
        return version


def clean(record: TaskRecord) -> TaskRecord:
    left = {key: value for key, value in record.variables.items() if key != "_writing"}
    return record.model_copy(update={"variables": left})


class SwapEmptiesTheRecord(Seamed):
    """breaks ISO-4: put_if_version pops the fields that it stores apart from the caller's
    object.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        record.variables.pop("a", None)
        return version


class RefusedSwapUpdatesTheRecord(Seamed):
    """breaks ISO-4: a refused put_if_version fills the caller's record with the stored variables,
    meaning well.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except StorageError:
            with suppress(NotFoundError):
                record.variables["stored"] = self.version(key_of(record))
            raise
