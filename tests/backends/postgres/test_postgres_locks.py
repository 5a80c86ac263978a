"""PostgresBackend where calls wait for each other: what they answer then, and who wins."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    PostgresBackend,
)
from support.postgres_server import PostgresServer, postgres_server
from support.postgres_support import LATER, PAST, backend, make, schema, sessions

__all__ = ["backend", "postgres_server", "schema"]

LEVELS = ["read committed", "repeatable read", "serializable"]


@pytest.fixture(params=LEVELS)
def isolated(
    postgres_server: PostgresServer, schema: str, request: pytest.FixtureRequest
) -> Iterator[PostgresBackend]:
    """A handle whose sessions have this isolation level by default."""
    level = str(request.param).replace(" ", "\\ ")
    url = postgres_server.url(options=f"-c default_transaction_isolation={level}")
    with PostgresBackend.from_url(url, schema, connections=64) as backend:
        yield backend


@contextmanager
def waiting_for(
    server: PostgresServer, schema: str, statement: str, call: Callable[[], object]
) -> Iterator[Future[object]]:
    """The call, while it waits for the statement of another's transaction, which then commits."""
    with (
        psycopg.connect(server.url()) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute(f"SET LOCAL search_path = {schema}")
        other.execute(statement)
        called = pool.submit(call)
        blocked = f"SELECT 1 FROM pg_stat_activity WHERE {other.info.backend_pid} = ANY(%s)"
        while not server.execute(blocked % "pg_blocking_pids(pid)"):
            assert not called.done()
            time.sleep(0.001)
        other.commit()
        yield called


ANOTHER = "UPDATE tasks SET version = version + 6, write_id = gen_random_uuid()"


def test_a_conflict_after_waiting_tells_the_version_that_refused(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    swap = lambda: isolated.put_if_version(make(), 1)  # noqa: E731
    with waiting_for(postgres_server, schema, ANOTHER, swap) as called:
        refused = called.exception()
    assert isinstance(refused, ConcurrentModificationError)
    assert (refused.expected_version, refused.actual_version) == (1, 7)
    assert isolated.get("o", "t").version == 7


def test_a_swap_that_waited_for_a_rollback_or_a_touch_wins(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    swap = lambda: isolated.put_if_version(make(variables={"n": 1}), 1)  # noqa: E731
    touch = "UPDATE tasks SET status = 'touched'"
    with waiting_for(postgres_server, schema, touch, swap) as called:
        assert called.result() == 2
    assert isolated.get("o", "t").record.variables == {"n": 1}


def test_a_swap_that_waited_for_a_delete_finds_nothing(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    swap = lambda: isolated.put_if_version(make(), 1)  # noqa: E731
    with waiting_for(postgres_server, schema, "DELETE FROM tasks", swap) as called:
        assert isinstance(called.exception(), NotFoundError)
    assert isolated.count_by_owner("o") == 0


def test_a_put_after_waiting_follows_the_version_that_is_there(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    put = lambda: isolated.put(make())  # noqa: E731
    with waiting_for(postgres_server, schema, ANOTHER, put) as called:
        assert called.result() == 8
    with waiting_for(postgres_server, schema, "DELETE FROM tasks", put) as called:
        assert called.result() == 1


def test_a_create_that_waited_for_another_exists_already(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    insert = "INSERT INTO tasks VALUES ('o', 't', 'working', 1, NULL, NULL, '{}')"
    create = lambda: isolated.create(make())  # noqa: E731
    with waiting_for(postgres_server, schema, insert, create) as called:
        assert isinstance(called.exception(), AlreadyExistsError)


def test_a_delete_after_waiting_removes_what_is_there(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    delete = lambda: isolated.delete("o", "t")  # noqa: E731
    with waiting_for(postgres_server, schema, ANOTHER, delete) as called:
        assert called.result() is True
    isolated.create(make())
    with waiting_for(postgres_server, schema, "DELETE FROM tasks", delete) as called:
        assert called.result() is False


def test_a_cleanup_waits_for_nobody_and_spares_the_refreshed(
    postgres_server: PostgresServer, schema: str, isolated: PostgresBackend
) -> None:
    for task_id in ("a", "b", "c"):
        isolated.create(make(task_id, expires_at=PAST))
    with psycopg.connect(postgres_server.url()) as other:
        other.execute(
            f"UPDATE {schema}.tasks SET expires_at = %s WHERE task_id = 'b'",
            [LATER],
        )
        assert isolated.cleanup_expired() == 2
        other.commit()
    assert isolated.cleanup_expired() == 0
    assert isolated.count_by_owner("o") == 1


def test_cleanups_at_once_count_each_record_once(isolated: PostgresBackend) -> None:
    for number in range(300):
        isolated.create(make(f"t{number}", expires_at=PAST))
    with ThreadPoolExecutor(8) as pool:
        counted = [pool.submit(isolated.cleanup_expired) for _ in range(8)]
    assert sum(future.result() for future in counted) + isolated.cleanup_expired() == 300


def test_a_deadlock_is_tried_again(
    postgres_server: PostgresServer, schema: str, backend: PostgresBackend
) -> None:
    backend.create(make("a", expires_at=PAST))
    backend.create(make("b"))
    # A trigger makes one statement take two locks, since none of ours does.
    postgres_server.execute(
        f"""CREATE FUNCTION {schema}.also_b() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM FROM {schema}.tasks WHERE task_id = 'b' FOR UPDATE; RETURN new; END $$;
        CREATE TRIGGER also_b AFTER UPDATE ON {schema}.tasks FOR EACH ROW
        WHEN (old.task_id = 'a') EXECUTE FUNCTION {schema}.also_b()"""
    )
    # A session looks for deadlocks once, so long after it began to wait: ours when there is one,
    # and the other too late to be the victim.
    url = postgres_server.url(options="-c deadlock_timeout=1500ms")
    with (
        PostgresBackend.from_url(url, schema) as fresh,
        psycopg.connect(postgres_server.url()) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("SET LOCAL deadlock_timeout = '60s'")
        other.execute(f"SELECT FROM {schema}.tasks WHERE task_id = 'b' FOR UPDATE")
        called = pool.submit(fresh.put_if_version, make("a"), 1)
        while not postgres_server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"):
            time.sleep(0.001)
        other.execute(f"SELECT FROM {schema}.tasks WHERE task_id = 'a' FOR UPDATE")
        other.commit()
        assert called.result() == 2


def test_64_threads_win_each_version_once(
    postgres_server: PostgresServer, isolated: PostgresBackend
) -> None:
    isolated.create(make())
    start = threading.Barrier(64)

    def contend() -> list[int]:
        won: list[int] = []
        start.wait()
        while len(won) < 3:
            version = isolated.get("o", "t").version
            with suppress(ConcurrentModificationError):
                won.append(isolated.put_if_version(make(), version))
        return won

    with ThreadPoolExecutor(64) as pool:
        versions = [future.result() for future in [pool.submit(contend) for _ in range(64)]]
    won = Counter(version for each in versions for version in each)
    assert won == Counter(range(2, 194))
    assert isolated.get("o", "t").version == 193


def put_many(url: str, schema: str, versions: Any) -> None:
    with PostgresBackend.from_url(url, schema) as backend:
        versions.put([backend.put(make()) for _ in range(25)])


def test_8_processes_win_each_version_once(postgres_server: PostgresServer, schema: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    versions = spawning.Queue()
    arguments = (postgres_server.url(), schema, versions)
    processes = [spawning.Process(target=put_many, args=arguments) for _ in range(8)]
    for process in processes:
        process.start()
    won = Counter(version for _ in processes for version in versions.get(timeout=60))
    for process in processes:
        process.join()
    assert won == Counter(range(1, 201))


def test_a_handle_never_has_more_connections_than_it_may(
    postgres_server: PostgresServer, schema: str
) -> None:
    before = sessions(postgres_server)
    with PostgresBackend.from_url(postgres_server.url(), schema, connections=3) as backend:
        with ThreadPoolExecutor(32) as pool:
            for future in [pool.submit(backend.put, make(f"t{n % 5}")) for n in range(200)]:
                future.result()
        assert sessions(postgres_server) - before <= 3
