"""Backends of servers that are correct in ways of their own: no rule may accuse them.

Writers give up on locks, a server accepts at its leisure, a cleanup leaves a row to another one,
and clients repeat what had no answer.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from mutants.base import MutantTarget
from mutants.postgres import Locking
from mutants.postgres_target import PgTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    OutcomeUnknownError,
    StorageBackend,
)
from support.honest import accused
from support.postgres_sessions import Session
from support.tcp_server import TcpServer
from support.tcp_store import TcpBackend, TcpTarget


class GivesUpOnLocks(Locking):
    """Waits for a row's lock for a moment, and then fails."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with super().transaction() as session:
            session.execute("SET LOCAL lock_timeout = '200ms'")
            yield session


@pytest.mark.parametrize("rule", ["FLT-3", "FLT-4", "FLT-9", "CON-6", "CON-12"])
def test_a_writer_may_give_up_waiting_for_a_lock(rule: str) -> None:
    assert accused(PgTarget(GivesUpOnLocks), [rule]) == {}


class SlowToAccept(TcpServer):
    """Has room for five connections that it has not accepted yet, and accepts at its leisure."""

    request_queue_size = 5

    def get_request(self) -> tuple[socket.socket, Any]:
        time.sleep(0.005)
        return super().get_request()


class SlowTarget(TcpTarget):
    server = SlowToAccept


def test_a_server_may_take_connections_slowly() -> None:
    assert accused(SlowTarget(), ["FLT-6", "FLT-7", "FLT-13"]) == {}


class LeavesRowsToOthers(TcpBackend):
    """Its cleanup skips what another one holds, which removes it a moment later."""

    server: ClassVar[tuple[str, int]]
    others: ClassVar[list[threading.Timer]] = []

    def _cleanup_expired(self) -> int:
        try:
            return super()._cleanup_expired()
        except BackendError:
            another = threading.Timer(0.2, self._clean_up_elsewhere)
            self.others.append(another)
            another.start()
            return 0

    def _clean_up_elsewhere(self) -> None:
        with TcpBackend(*self.server) as another:
            another.cleanup_expired()


class TcpTargetWithOthers(TcpTarget):
    def prepare(self) -> None:
        super().prepare()
        LeavesRowsToOthers.server = self.address()

    def dispose(self) -> None:
        while LeavesRowsToOthers.others:
            LeavesRowsToOthers.others.pop().join()
        super().dispose()


def test_a_cleanup_that_leaves_a_row_to_another_one() -> None:
    assert accused(TcpTargetWithOthers(LeavesRowsToOthers), ["FLT-14"]) == {}


class LosesAnswersToDeletes(InMemoryBackend):
    """As a client on a bad network, of a server that is fast: it sends each delete a second time,
    and knows what was deleted only if that one found a record.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if super()._delete(owner_id, task_id):
            return True
        if found:
            raise OutcomeUnknownError("the first answer was lost")
        return False


class FastServer(MutantTarget):
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def open_at(self, host: str, port: int) -> StorageBackend:
        return self.open()


def test_a_client_may_repeat_a_delete_around_anothers_creation() -> None:
    assert accused(FastServer(LosesAnswersToDeletes), ["CON-4"]) == {}
