"""Mutants of CAS: comparing and swapping."""

from __future__ import annotations

from mutants.base import Merging, Seamed, key_of
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class SwapReturnsTheExpectedVersion(InMemoryBackend):
    """breaks CAS-1: put_if_version returns the version that it was given, not the new one."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(record, expected_version) - 1


class SwapCountsOnly(Seamed):
    """breaks CAS-1: put_if_version advances the version and keeps the former record, as where the
    statement's SET clause lost its columns.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if row is not None:
            self.overwrite(key_of(record), data=row.data)
        return version


class ReportsTheExpectedVersion(InMemoryBackend):
    """breaks CAS-2: the conflict reports the expected version as the stored one, as where the
    storage only says that the condition failed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            raise ConcurrentModificationError(
                *key_of(record), expected_version, expected_version
            ) from None


class GuessesTheStoredVersion(InMemoryBackend):
    """breaks CAS-2: the conflict reports the version after the expected one, which is right as
    long as nobody is behind by more.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            actual = error.actual_version
            guess = expected_version + 1 if actual > expected_version else actual
            raise ConcurrentModificationError(*key_of(record), expected_version, guess) from None


class AcceptsOlderVersions(Seamed):
    """breaks CAS-2: any version up to the stored one is accepted: >= in place of =."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        return super()._put_if_version(record, max(stored, expected_version))


class AcceptsLaterVersions(Seamed):
    """breaks CAS-3: any version from the stored one on is accepted: <= in place of =, which last
    write wins schemes use.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if 0 < stored < expected_version:
            expected_version = stored
        return super()._put_if_version(record, expected_version)


class FutureVersionsAreAbsent(Seamed):
    """breaks CAS-3: a version never reached raises NotFoundError, as event stores do, where the
    version names a row of its own.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if expected_version > self.version(key_of(record)):
            raise NotFoundError(*key_of(record))
        return super()._put_if_version(record, expected_version)


class VersionsOf32BitsCompared(Seamed):
    """breaks CAS-3: only the lowest 32 bits of the expected version are compared, as in a packed
    etag.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if expected_version > 2**32 and stored:
            return super()._put_if_version(record, stored)
        return super()._put_if_version(record, expected_version)


class OnRefusal(Seamed):
    """Does something when put_if_version is refused."""

    def refused(self, record: TaskRecord, actual: int) -> None: ...

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            self.refused(record, error.actual_version)
            raise


class WritesBeforeItChecks(OnRefusal):
    """breaks CAS-4: the record is written before its version is checked, and only the version is
    rolled back.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), data=record.to_json())


class RefusalSetsTheExpiry(OnRefusal):
    """breaks CAS-4: the expiry is set although the write is refused, as where EXPIRE is a command
    of its own, outside of the script that compares.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), expires_at=record.expires_at)


class RefusalAdvancesTheVersion(OnRefusal):
    """breaks CAS-4: the version advances although the write is refused: INCR, then compare."""

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), version=actual + 1)


class RefusalUnlists(OnRefusal):
    """breaks CAS-4: a refused write removes the task from the listing, as where the old index
    entry is dropped before the comparison.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self._storage._task_ids[record.owner_id].remove(record.task_id)


class SwapIsAnUpsert(Seamed):
    """breaks CAS-5: put_if_version of an absent key creates it, as a condition that passes where
    the attribute does not exist.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if not self.version(key_of(record)):
            return self._create(record)
        return super()._put_if_version(record, expected_version)


class AbsentIsAConflict(Seamed):
    """breaks CAS-5: put_if_version of an absent key is a conflict with version 0, since a failed
    condition does not say which half failed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if not self.version(key_of(record)):
            raise ConcurrentModificationError(*key_of(record), expected_version, 0)
        return super()._put_if_version(record, expected_version)


class RefusesAndCreates(InMemoryBackend):
    """breaks CAS-5: NotFoundError is raised after an empty shell has been created, as where a lock
    row is inserted first.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except NotFoundError:
            self._create(record)
            raise


class RepeatsAreRetries(Seamed):
    """breaks CAS-6: a second put_if_version with one version is taken for a retry of the first and
    acknowledged, as idempotency tokens made of key and version do.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._done: set[tuple[Key, int]] = set()

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        attempt = (key_of(record), expected_version)
        if attempt in self._done and self.version(key_of(record)) == expected_version + 1:
            return expected_version + 1
        version = super()._put_if_version(record, expected_version)
        self._done.add(attempt)
        return version


class PutHasACounterOfItsOwn(Seamed):
    """breaks CAS-7: put stores the number of creates and puts as the version and so repeats one
    that put_if_version has used.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._puts: dict[Key, int] = {}

    def _create(self, record: TaskRecord) -> int:
        self._puts[key_of(record)] = 1
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        self._puts[key] = self._puts.get(key, 0) + 1 if self.version(key) else 1
        super()._put(record)
        self.overwrite(key, version=self._puts[key])
        return self._puts[key]


class MergingSwap(Merging):
    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(self.over_former(record), expected_version)


class SwapMergesVariables(MergingSwap):
    """breaks CAS-8: variables of the former record survive, as an update expression that sets one
    attribute after the other does.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"variables": {**former.variables, **record.variables}})


class SwapKeepsTheResult(MergingSwap):
    """breaks CAS-8: an absent result leaves the former one, as COALESCE does."""

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"result": record.result or former.result})


class SwapKeepsTheExpiry(Seamed):
    """breaks CAS-8: a record swapped in without expiry keeps the stored one, as SET without REMOVE
    of the TTL attribute does.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if row is not None and record.expires_at is None:
            self.overwrite(key_of(record), expires_at=row.expires_at)
        return version


class SwapRevivesTheDeleted(Seamed):
    """breaks CAS-9: put_if_version finds a deleted row by its version and brings it back: the
    UPDATE forgets the column that marks deletion.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._deleted: dict[Key, Row] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        row = self.row((owner_id, task_id))
        if row is not None:
            self._deleted[owner_id, task_id] = row
        return super()._delete(owner_id, task_id)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        left = self._deleted.get(key_of(record))
        if left and left.version == expected_version and not self.version(key_of(record)):
            with self._storage.lock:
                self._storage.write(key_of(record), self._deleted.pop(key_of(record)))
        return super()._put_if_version(record, expected_version)
