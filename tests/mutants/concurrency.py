"""Mutants of CON-1 to CON-6: writes of threads and handles that contend for a key."""

from __future__ import annotations

import threading
import time
from copy import copy
from typing import Any

from mutants.base import Seamed, key_of
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row
from support.tcp_store import Message, TcpServer, TcpTarget


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


class Intending(Seamed):
    """Notes who is about to write a key."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._intents: dict[Key, int] = vars(self._storage).setdefault("intents", {})

    def begin(self, key: Key) -> bool:
        """Whether nobody else is about to write the key."""
        with self._storage.lock:
            self._intents[key] = self._intents.get(key, 0) + 1
        with self._storage.lock:
            return self._intents[key] == 1

    def end(self, key: Key) -> None:
        with self._storage.lock:
            self._intents[key] -= 1


class SwappersBackOff(Intending):
    """breaks CON-1: each contender announces itself and is refused when it sees another's
    announcement, so that sometimes all are refused and nobody has written.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        try:
            if not self.begin(key):
                error = (*key, expected_version, expected_version + 1)
                raise ConcurrentModificationError(*error)
            return super()._put_if_version(record, expected_version)
        finally:
            self.end(key)


class HastyServer(TcpServer):
    """A server whose requests meet each other: whoever waits for the disk lets others go on."""

    def answer(self, request: Message) -> Message:
        answer: Message = getattr(self, f"do_{request.pop('do')}")(**request)
        return answer

    def do_write(self, owner: str, task: str, expected: int, **row: Any) -> Message:
        stored = self.rows.get((owner, task))
        version = 0 if stored is None else stored["version"]
        if version != expected:
            return {"done": False, "version": version, "token": stored and stored["token"]}
        time.sleep(0.0001)
        self.rows[owner, task] = {**row, "version": version + 1}
        return {"done": True}


class ServerLooksThenWrites(TcpTarget):
    """breaks CON-1: the server itself compares, and writes some time later, as simulators of cloud
    services do.
    """

    server = HastyServer


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


class PutCountsInOneLine(Seamed):
    """breaks CON-3: put counts a stored version on in one line and without the lock, as if a line
    of Python were one step.
    """

    def _put(self, record: TaskRecord) -> int:
        key, rows, data = key_of(record), self._storage.rows, record.to_json()
        if key not in rows:
            return super()._put(record)
        rows[key] = row = Row(data, rows[key].version + 1, record.expires_at)
        return row.version


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


class CreatorsBackOff(Intending):
    """breaks CON-4: each creator announces itself and gives up when it sees another, so that
    sometimes all give up.
    """

    def _create(self, record: TaskRecord) -> int:
        key = key_of(record)
        try:
            if not self.begin(key):
                raise AlreadyExistsError(*key)
            return super()._create(record)
        finally:
            self.end(key)


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
