"""PostgresBackend's connections: lent, dropped by exceptions, forked, borrowed from the caller."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from pmcp_storage import BackendError, OutcomeUnknownError, PostgresBackend
from support.postgres_server import PostgresServer, postgres_server
from support.postgres_support import backend, eventually, make, schema, sessions
from support.servers import free_port

__all__ = ["backend", "postgres_server", "schema"]


class Interrupted(BaseException):
    pass


def interrupt(thread: threading.Thread) -> None:
    """Have the exception raised in another thread, at whichever instruction it is."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted)
    )


class Interruptible(threading.Thread):
    """Reads and writes until it is ended, and goes on after each interruption."""

    def __init__(self, backend: PostgresBackend) -> None:
        super().__init__()
        self.backend = backend
        self.ended = False
        self.start()

    def run(self) -> None:
        while not self.ended:
            with suppress(Interrupted):
                self.work()

    def work(self) -> None:
        while not self.ended:
            number = random.randrange(5)
            found = self.backend.get("o", f"t{number}")
            assert found.record.variables == {"number": number}
            self.backend.put(found.record)


# An interruption can also strike in the destructors that it brings about, or end the thread.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_exceptions_at_any_instruction_leave_the_handle_usable(
    postgres_server: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, hook in ((sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, lambda _: None)
    with PostgresBackend.from_url(postgres_server.url(), schema, connections=2) as backend:
        for number in range(5):
            backend.create(make(f"t{number}", variables={"number": number}))
        threads = [Interruptible(backend) for _ in range(2)]
        for number in range(500):
            time.sleep(random.random() * 0.004)
            interrupt(threads[number % 2])
            if not threads[number % 2].is_alive():
                threads[number % 2] = Interruptible(backend)
        for thread in threads:
            thread.ended = True
            thread.join()
        # Both places are there, and each answer belongs to its question.
        with ThreadPoolExecutor(2) as pool:
            for number in range(5):
                calls = [pool.submit(backend.get, "o", f"t{number}") for _ in range(2)]
                for call in calls:
                    assert call.result().record.variables == {"number": number}
        gc.collect()
        eventually(lambda: sessions(postgres_server) <= 2)


def pids(server: PostgresServer, name: str) -> list[tuple[object, ...]]:
    """The server's processes for the sessions of this name."""
    return server.execute(
        f"SELECT pid FROM pg_stat_activity WHERE application_name = '{name}' ORDER BY pid"
    )


def in_child(call: Callable[[], object]) -> None:
    """Call it in a forked process, and ask that it returns true."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if call() else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forked_child_has_connections_of_its_own(
    postgres_server: PostgresServer, schema: str
) -> None:
    url = postgres_server.url(application_name=schema)
    with PostgresBackend.from_url(url, schema) as backend:
        backend.put(make())
        before = pids(postgres_server, schema)

        def in_between() -> bool:
            with backend:
                return backend.put(make()) == 2 and len(pids(postgres_server, schema)) == 2

        in_child(in_between)
        assert backend.put(make()) == 3
        eventually(lambda: pids(postgres_server, schema) == before)


def test_a_child_forked_while_all_connections_are_in_use_works(
    postgres_server: PostgresServer, schema: str
) -> None:
    with (
        PostgresBackend.from_url(postgres_server.url(), schema, connections=1) as backend,
        psycopg.connect(postgres_server.url()) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        backend.put(make())
        other.execute(f"SELECT 1 FROM {schema}.tasks FOR UPDATE")
        waiting = [pool.submit(backend.put, make()) for _ in range(2)]
        eventually(
            lambda: bool(postgres_server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        )
        in_child(lambda: backend.get("o", "t").version == 1)
        other.commit()
        assert sorted(call.result() for call in waiting) == [2, 3]


def test_closing_ends_the_connections(
    postgres_server: PostgresServer, schema: str, backend: PostgresBackend
) -> None:
    before = sessions(postgres_server)
    for _ in range(5):
        with PostgresBackend.from_url(postgres_server.url(), schema) as other:
            other.put(make())
    dropped = PostgresBackend.from_url(postgres_server.url(), schema)
    dropped.close()
    eventually(lambda: sessions(postgres_server) <= before)


def test_a_connection_whose_answer_is_still_to_come_is_ended(
    postgres_server: PostgresServer, schema: str, backend: PostgresBackend
) -> None:
    backend.put(make())
    before = sessions(postgres_server)
    url = postgres_server.url()
    with (
        PostgresBackend.from_url(url, schema, timeout=0.2) as impatient,
        psycopg.connect(url) as other,
    ):
        other.execute(f"SELECT 1 FROM {schema}.tasks FOR UPDATE")
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):
            impatient.delete("o", "t")
        other.commit()
        eventually(lambda: sessions(postgres_server) <= before)
        assert impatient.count_by_owner("o") == 0  # carried out, after all


@pytest.mark.parametrize("closed", [False, True])
def test_a_call_that_finds_no_free_connection_says_so(
    postgres_server: PostgresServer, schema: str, closed: bool
) -> None:
    url = postgres_server.url()
    with (
        PostgresBackend.from_url(url, schema, connections=1) as backend,
        psycopg.connect(url) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        backend.put(make())
        other.execute(f"SELECT 1 FROM {schema}.tasks FOR UPDATE")
        waiting = pool.submit(backend.put, make())
        eventually(
            lambda: bool(postgres_server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        )
        cast(Any, backend._operations.pool)._timeout = 0.05
        if closed:
            backend.close()
        else:
            with pytest.raises(BackendError, match="all 1 connections of this handle were in use"):
                backend.get("o", "t")
        other.commit()
        assert waiting.result() == 2


def test_a_pool_of_the_callers_stays_the_callers(
    postgres_server: PostgresServer, schema: str
) -> None:
    settings: dict[str, Any] = {"row_factory": dict_row, "autocommit": False}
    opened: ConnectionPool[Any] = ConnectionPool(
        postgres_server.url(), min_size=1, max_size=2, open=True, kwargs=settings
    )
    with opened as pool:
        with PostgresBackend(pool, schema) as backend:
            assert [backend.put(make()) for _ in range(20)] == list(range(1, 21))
            with pytest.raises(BackendError, match="does not exist"), PostgresBackend(pool) as none:
                none.get("o", "t")
            postgres_server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            assert backend.put(make()) == 21

            def in_between() -> bool:
                with pytest.raises(BackendError, match="after the fork"):
                    backend.get("o", "t")
                return True

            in_child(in_between)
        with pool.connection() as connection:
            assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_a_pool_of_the_callers_that_leads_nowhere_fails(schema: str) -> None:
    nowhere = f"host=127.0.0.1 port={free_port()} connect_timeout=2"
    with (
        ConnectionPool(nowhere, min_size=0, max_size=1, open=True, reconnect_timeout=0.1) as pool,
        PostgresBackend(pool, schema, timeout=0.3) as backend,
        pytest.raises(BackendError, match=r"couldn't get a connection") as failed,
    ):
        backend.put(make())
    assert type(failed.value) is BackendError


def test_wrong_arguments_are_explained(postgres_server: PostgresServer) -> None:
    with pytest.raises(TypeError, match=r"pool must be a psycopg_pool.ConnectionPool, not .*str"):
        PostgresBackend("postgresql://")  # type: ignore[arg-type]
    for timeout in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="timeout must be above 0"):
            PostgresBackend.from_url("", timeout=timeout)
    with pytest.raises(ValueError, match="connections must be at least 1"):
        PostgresBackend.from_url("", connections=0)


@pytest.mark.parametrize(
    "conninfo", ["nonsense", "hots=x", "host=x password=my secret", "postgresql://a:%zz@b/"]
)
def test_a_conninfo_that_is_none_is_refused_and_no_password_shown(conninfo: str) -> None:
    with pytest.raises(ValueError, match="conninfo must be a connection string of libpq") as wrong:
        PostgresBackend.from_url(conninfo)
    assert "secret" not in str(wrong.value)
    assert "zz" not in str(wrong.value)


def test_the_variables_of_libpq_lead_to_the_server(
    postgres_server: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1,127.0.0.1")
    monkeypatch.setenv("PGPORT", f"{free_port()},{postgres_server.port}")
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
    monkeypatch.setenv("PGTZ", "EAST-14")
    with PostgresBackend.from_env(schema) as backend:
        assert backend.put(make()) == 1
