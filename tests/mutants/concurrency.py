"""Mutants of CON within one process: threads and handles. Those of CON-10 stand in `processes`."""

from __future__ import annotations

import threading
from copy import copy
from datetime import datetime

from mutants.base import Seamed, key_of
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class HalfLocked(Seamed):
    """Each step holds the lock; what an operation does in two steps is not atomic."""

    def store(self, key: Key, record: TaskRecord, version: int) -> int:
        with self._storage.lock:
            self._storage.write(key, Row(record.to_json(), version, record.expires_at))
        return version

    def drop(self, key: Key) -> bool:
        with self._storage.lock:
            return self._storage.remove(key)

    def check(self, key: Key, expected_version: int) -> None:
        actual = self.version(key)
        if not actual:
            raise NotFoundError(*key)
        if actual != expected_version:
            raise ConcurrentModificationError(*key, expected_version, actual)


class ChecksThenSwaps(HalfLocked):
    """breaks CON-1: put_if_version compares under the lock and writes under the lock, but lets go
    of it in between: check, then act.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.check(key_of(record), expected_version)
        return self.store(key_of(record), record, expected_version + 1)


class LockPerHandle(InMemoryBackend):
    """breaks CON-1: each handle has a lock of its own around the storage that they share, as where
    the lock is an attribute of the client object.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(copy(storage or MemoryStorage()))
        self._storage.lock = threading.Lock()


class RefusalsTellAnEarlierVersion(Seamed):
    """breaks CON-1: a conflict reports the version that was read before the write was tried, which
    in a race is the expected one.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        before = self.version(key_of(record))
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            raise ConcurrentModificationError(*key_of(record), expected_version, before) from None


class RetriesRefusedSwaps(Seamed):
    """breaks CON-2: a write that loses a race is repeated with the version that is there now, as
    a retry decorator around the whole operation does.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        found = self.version(key_of(record))
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            if found != expected_version:
                raise
            return super()._put_if_version(record, error.actual_version)


class RepeatsWhenItHasToWait(Seamed):
    """breaks CON-2: a write that had to wait for the lock is carried out twice, as a client does
    that times out and sends again what had been applied.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        waited = not self._storage.lock.acquire(blocking=False)
        if not waited:
            self._storage.lock.release()
        version = super()._put_if_version(record, expected_version)
        return super()._put_if_version(record, version) if waited else version


class PutReadsThenWrites(HalfLocked):
    """breaks CON-3: put reads the version and writes it plus 1 in a second step."""

    def _put(self, record: TaskRecord) -> int:
        return self.store(key_of(record), record, self.version(key_of(record)) + 1)


class PutTellsTheLatestVersion(Seamed):
    """breaks CON-3: put writes in one step and reads the version that it returns in another, when
    it can be somebody else's.
    """

    def _put(self, record: TaskRecord) -> int:
        super()._put(record)
        return self.version(key_of(record))


class PutWastesVersions(HalfLocked):
    """breaks CON-3: put draws the next number first, and another one if a later number has been
    stored in the meantime; the first is then skipped.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._drawn: dict[Key, int] = vars(self._storage).setdefault("drawn", {})

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        while True:
            drawn = self._draw(key)
            with self._storage.lock:
                row = self._storage.rows.get(key)
                if row is None or row.version < drawn:
                    self._storage.write(key, Row(record.to_json(), drawn, record.expires_at))
                    return drawn

    def _draw(self, key: Key) -> int:
        stored = self.version(key)
        with self._storage.lock:
            self._drawn[key] = max(self._drawn.get(key, 0), stored) + 1
            return self._drawn[key]


class CreateLooksThenWrites(HalfLocked):
    """breaks CON-4: create looks whether the key is absent and writes in a second step."""

    def _create(self, record: TaskRecord) -> int:
        if self.version(key_of(record)):
            raise AlreadyExistsError(*key_of(record))
        return self.store(key_of(record), record, 1)


class DeleteLooksThenRemoves(HalfLocked):
    """breaks CON-5: delete answers by a look that it takes before it removes."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = self.version((owner_id, task_id)) > 0
        self.drop((owner_id, task_id))
        return found


class DeleteAsksTheConnection(HalfLocked):
    """breaks CON-5: the number of rows deleted is asked of the connection afterwards, which tells
    it of whichever thread's statement was the last.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        shared = vars(self._storage)
        shared["changes"] = self.drop((owner_id, task_id))
        return bool(shared["changes"])


class SwapBringsBack(HalfLocked):
    """breaks CON-6: put_if_version compares, then writes with a statement that also inserts: a
    record deleted in between is back.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._writers: threading.Lock = vars(self._storage).setdefault("writers", threading.Lock())

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._writers:
            self.check(key_of(record), expected_version)
            return self.store(key_of(record), record, expected_version + 1)


class DeleteYields(Seamed):
    """breaks CON-6: delete removes the version that it has looked up and finds nothing to remove
    when a write came in between.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        key = (owner_id, task_id)
        found = self.version(key)
        with self._storage.lock:
            row = self._storage.rows.get(key)
            return row is not None and row.version == found and self._storage.remove(key)


class WritesInTwoSteps(HalfLocked):
    """breaks CON-7: the record is stored first and its version after it, as two keys of a store
    without transactions are; a lock keeps writers apart, but no readers.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._writers: threading.Lock = vars(self._storage).setdefault("writers", threading.Lock())

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        with self._writers:
            self.check(key, expected_version)
            self.overwrite(key, data=record.to_json(), expires_at=record.expires_at)
            self.overwrite(key, version=expected_version + 1)
        return expected_version + 1


class ReadsInTwoSteps(Seamed):
    """breaks CON-7: get reads the version and then the record."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        version = self.version((owner_id, task_id))
        row = self.row((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, version)


class VersionsLookedUpLater(Seamed):
    """A listing adds the versions in a second step."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        keys = [(owner_id, entry.record.task_id) for entry in found]
        return [
            VersionedRecord(entry.record, self.version(key) or entry.version)
            for key, entry in zip(keys, found, strict=True)
        ]


class ListingReadsInTwoSteps(VersionsLookedUpLater):
    """breaks CON-7: a listing reads the records and then their versions."""


class WritesThenRollsBack(HalfLocked):
    """breaks CON-8: a refused write is visible until it is rolled back: readers see what was never
    committed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key, row = key_of(record), self.row(key_of(record))
        if row is not None and row.version != expected_version:
            self.overwrite(key, data=record.to_json())
            self.overwrite(key, data=row.data)
        return super()._put_if_version(record, expected_version)


class PutInsertsOrIgnores(HalfLocked):
    """breaks CON-8: put of an absent key inserts, and when the key has appeared meanwhile answers
    as if it had inserted, as INSERT OR IGNORE does.
    """

    def _put(self, record: TaskRecord) -> int:
        if self.version(key_of(record)):
            return super()._put(record)
        try:
            return self._create(record)
        except AlreadyExistsError:
            return 1


class ReadsThroughACache(InMemoryBackend):
    """breaks CON-9: get keeps what it has read, and only the handle's own writes clear it."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._cache: dict[Key, VersionedRecord] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = (owner_id, task_id)
        if key not in self._cache:
            self._cache[key] = super()._get(owner_id, task_id)
        return self._cache[key]

    def _put(self, record: TaskRecord) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._cache.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class RemembersWhatIsAbsent(InMemoryBackend):
    """breaks CON-9: get remembers that a key was absent, until the handle writes it itself."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._absent: set[Key] = set()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if (owner_id, task_id) in self._absent:
            raise NotFoundError(owner_id, task_id)
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._absent.add((owner_id, task_id))
            raise

    def _create(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._put(record)


class ListsThroughACache(InMemoryBackend):
    """breaks CON-9: a handle keeps the ids of a listing until it creates or deletes by itself;
    the records it reads afresh.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._task_ids: dict[str, list[str]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        kept = self._task_ids.setdefault(owner_id, [entry.record.task_id for entry in found])
        return [entry for entry in found if entry.record.task_id in kept]

    def _create(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._task_ids.pop(owner_id, None)
        return super()._delete(owner_id, task_id)


class CountsItsOwnWrites(InMemoryBackend):
    """breaks CON-9: a handle counts once and then goes by its own creates and deletes."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counts: dict[str, int] = {}

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        if live_at is not None or at_most is not None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        if owner_id not in self._counts:
            counted = super()._count_by_owner(owner_id, live_at=None, at_most=None)
            self._counts[owner_id] = counted
        return self._counts[owner_id]

    def _create(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counts.pop(owner_id, None)
        return super()._delete(owner_id, task_id)


class ListsIdsThenReads(Seamed):
    """breaks CON-11: a listing collects the ids, then reads each record, and fails when one has
    been deleted in between.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return [self._get(owner_id, task_id) for task_id, _ in page]


class PagesRunShort(Seamed):
    """breaks CON-11: a listing leaves out what was deleted while it read, so that a page in the
    middle is shorter than its limit and the reader takes it for the last.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if self.version((owner_id, entry.record.task_id))]


class SkipsByOffset(InMemoryBackend):
    """breaks CON-11: `after` is turned into a number of rows to pass over (OFFSET), which is wrong
    as soon as one of them is gone.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._offsets: dict[tuple[str, str | None], int] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        everything = super()._list_by_owner(owner_id, limit=10_000, after=None)
        offset = self._offsets.get((owner_id, after), 0) if after else 0
        page = everything[offset : offset + limit]
        if page:
            self._offsets[owner_id, page[-1].record.task_id] = offset + len(page)
        return page


class PutReinserts(HalfLocked):
    """breaks CON-11: put removes the old row and inserts the new one; a listing in between misses
    it.
    """

    def _put(self, record: TaskRecord) -> int:
        version = self.version(key_of(record)) + 1
        self.drop(key_of(record))
        return self.store(key_of(record), record, version)


class ListsVersionsLater(VersionsLookedUpLater):
    """breaks CON-11: a listing reads the records and then their versions: pairs that never
    existed.
    """


class LosersWaitTheirTurn(Seamed):
    """breaks CON-12: whoever was refused is refused a hundred times more, as a circuit breaker does
    that takes conflicts for faults.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._barred: dict[int, int] = {}

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        me = threading.get_ident()
        self._barred[me] = max(0, self._barred.get(me, 0) - 1)
        if self._barred[me]:
            actual = expected_version + 1
            raise ConcurrentModificationError(*key_of(record), expected_version, actual)
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            self._barred[me] = 100
            raise


class Forgetful(InMemoryBackend):
    """Forgets to release the lock when it refuses a write."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        lock = vars(self._storage).setdefault("writers", threading.Lock())
        lock.acquire()
        version = super()._put_if_version(record, expected_version)
        lock.release()
        return version
