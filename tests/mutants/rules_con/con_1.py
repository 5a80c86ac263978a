"""Mutants of CON-1."""

from __future__ import annotations

import threading
import time
from copy import copy
from typing import Any

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.rules_con.support import HalfLocked, Intending
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
)
from support.tcp_server import Message, TcpServer
from support.tcp_store import TcpTarget


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
    """A server that interleaves requests: one that waits for the disk lets others go on."""

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
    """breaks CON-1: the server itself compares and writes in two steps, as some simulators of cloud
    services do.
    """

    server = HastyServer
