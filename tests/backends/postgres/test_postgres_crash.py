"""PostgresBackend while the server is killed under load and started again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest

from pmcp_storage import BackendError, OutcomeUnknownError, PostgresBackend
from support.postgres_server import PostgresServer, running
from support.postgres_support import eventually, make, sessions, set_up

ROUNDS = int(os.environ.get("PMCP_CRASH_ROUNDS", "4"))
"""How often the server is killed; more is a longer look."""

WRITERS = 4


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that syncs every commit, as one that is to lose nothing does."""
    with running(safe=True, synchronous_commit="on", restart_after_crash="off") as server:
        set_up(server.url())
        yield server


class Writer(threading.Thread):
    """Advances a record of its own, one version after the other, and notes what it was told."""

    def __init__(self, backend: PostgresBackend, task_id: str) -> None:
        super().__init__()
        self.backend = backend
        self.task_id = task_id
        self.acknowledged = 0
        """The version that a write was last told."""
        self.failed = self.unknown = 0
        self.wrong: list[str] = []
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            self.write()

    def write(self) -> None:
        version = self.acknowledged
        record = make(self.task_id, variables={"follows": version})
        try:
            if version:
                told = self.backend.put_if_version(record, version)
            else:
                told = self.backend.create(record)
            self.acknowledged = told
        except OutcomeUnknownError:
            self.unknown += 1
            self.look(version, version + 1)
        except BackendError:
            self.failed += 1
            self.look(version, version)
        except Exception as error:
            self.wrong.append(f"after version {version}: {error!r}")
            self.ended = True

    def look(self, *possible: int) -> None:
        """What is stored must be one of these versions; a version is told again when it is read."""
        while not self.ended:
            try:
                found = self.backend.list_by_owner("o", limit=1, after=f"{self.task_id}\x01")
            except BackendError:
                continue
            mine = [each for each in found if each.record.task_id == self.task_id]
            self.acknowledged = mine[0].version if mine else 0
            if self.acknowledged not in possible:
                self.wrong.append(f"{self.acknowledged} is stored, not one of {possible}")
            return


def all_advance(writers: list[Writer]) -> None:
    """Wait until each has been told of another write, or of something wrong."""
    goals = {writer: writer.acknowledged + 2 for writer in writers}
    eventually(lambda: all(each.acknowledged >= goal or each.wrong for each, goal in goals.items()))


@pytest.mark.parametrize("how", ["kill", "immediate", "fast"])
def test_nothing_acknowledged_is_lost_and_every_handle_recovers(
    server: PostgresServer, how: str
) -> None:
    with PostgresBackend.from_url(server.url(), timeout=5) as backend:
        writers = [Writer(backend, f"writer {number}") for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        for _ in range(ROUNDS):
            all_advance(writers)
            if how == "kill":
                server.kill()
            else:
                server.stop(signal.SIGQUIT if how == "immediate" else signal.SIGINT)
            server.start()
        all_advance(writers)
        for writer in writers:
            writer.ended = True
            writer.join()
        assert [writer.wrong for writer in writers] == [[]] * WRITERS
        for writer in writers:
            found = backend.get("o", writer.task_id)
            assert found.version == writer.acknowledged
            assert found.record.variables == {"follows": found.version - 1}
        assert sessions(server) <= WRITERS
    eventually(lambda: sessions(server) == 0)
    print({w.task_id: (w.acknowledged, w.failed, w.unknown) for w in writers})


def test_one_backend_process_that_dies_takes_no_handle_with_it(server: PostgresServer) -> None:
    """When a process of the server's is killed, the server ends all the others and recovers."""
    server.kill()
    server.start(restart_after_crash="on")
    with PostgresBackend.from_url(server.url(), timeout=5) as backend:
        version = backend.put(make())
        found = server.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pmcp-storage'"
        )
        with psycopg.connect(server.url()) as witness:
            os.kill(int(str(found[0][0])), signal.SIGKILL)
            eventually(lambda: _is_gone(witness))

        def works() -> bool:
            try:
                return backend.get("o", "t").version == version
            except BackendError:
                return False

        eventually(works)
        assert backend.put(make()) == version + 1


def _is_gone(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False
