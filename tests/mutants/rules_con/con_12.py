"""Mutants of CON-12."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from mutants.base import (
    MutantTarget,
    Seamed,
    key_of,
)
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class LosersWaitTheirTurn(Seamed):
    """breaks CON-12: a thread that was refused is refused a hundred times more, as by a circuit
    breaker that takes conflicts for failures.
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


class RefusalsKeepTheLock(MutantTarget):
    """breaks CON-12: a lock without `with` or `finally`: a refused write leaves it taken, and the
    next one waits forever.
    """

    backend = Forgetful
    answer_within = 0.1

    def dispose(self) -> None:
        vars(self._storage)["writers"].release()  # so that whoever still waits comes to an end
        super().dispose()


class Locked(InMemoryBackend):
    """Marks a record as taken while it writes it, and forgets the mark when it refuses a write."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        taken: set[object] = vars(self._storage).setdefault("taken", set())
        if key_of(record) in taken:
            raise BackendError("somebody else is writing this record")
        taken.add(key_of(record))
        version = super()._put_if_version(record, expected_version)
        taken.discard(key_of(record))
        return version


class RefusalsKeepTheRecord(MutantTarget):
    """breaks CON-12: a refused write leaves the record marked as taken, and all later ones fail."""

    backend = Locked


class Reentrant(InMemoryBackend):
    """Forgets to release a lock that its thread may take again when a key is absent."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        shared = vars(self._storage)
        lock = shared.setdefault("writers", threading.RLock())
        while not lock.acquire(timeout=0.05):  # for ever, but for the end of the test
            if "ended" in shared:
                raise BackendError("the storage is gone")
        try:
            version = super()._put_if_version(record, expected_version)
        except NotFoundError:
            raise
        except BaseException:
            lock.release()
            raise
        lock.release()
        return version


class AbsenceKeepsTheLock(MutantTarget):
    """breaks CON-12: put_if_version of an absent key returns early and leaves an RLock taken, which
    its own thread does not notice, and for which all others wait forever.
    """

    backend = Reentrant
    answer_within = 0.1

    def dispose(self) -> None:
        vars(self._storage)["ended"] = True
        super().dispose()


class Striped(InMemoryBackend):
    """Shares locks out among the keys, and takes those of all the records that it comes to."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._stripes: list[threading.Lock] = vars(self._storage).setdefault(
            "stripes", [threading.Lock() for _ in range(8)]
        )

    @contextmanager
    def _locked(self, keys: Iterable[Key]) -> Iterator[None]:
        with ExitStack() as stack:
            for number in dict.fromkeys(sum(key[1].encode()) % 8 for key in keys):
                self._wait_for(lock := self._stripes[number])
                stack.callback(lock.release)
            yield

    def _wait_for(self, lock: threading.Lock) -> None:
        while not lock.acquire(timeout=0.1):
            if hasattr(self._storage, "given_up"):
                raise BackendError("nobody waits for this any longer")

    def _put(self, record: TaskRecord) -> int:
        with self._locked([key_of(record)]):
            return super()._put(record)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        keys = sorted((key for key in list(self._storage.rows) if key[0] == owner_id), reverse=True)
        with self._locked(keys):
            return super()._list_by_owner(owner_id, limit=limit, after=after)

    def _cleanup_expired(self) -> int:
        with self._locked(list(self._storage.rows)):
            return super()._cleanup_expired()


class StripesInAnyOrder(MutantTarget):
    """breaks CON-12: locks are shared out among the keys, and a listing and a cleanup take those of
    all of their records, each in the order in which it comes to them.
    """

    backend = Striped
    answer_within = 0.5

    def dispose(self) -> None:
        vars(self._storage)["given_up"] = True
