"""PostgresBackend: rows, versions, instants, order, round trips and plans. The kit tests the
contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import psycopg
import pytest

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    PostgresBackend,
)
from support.postgres_server import PostgresServer, odd_database, postgres_server
from support.postgres_support import LATER, NOW, PAST, WireProxy, backend, make, schema, set_up

__all__ = ["backend", "postgres_server", "schema"]


@pytest.fixture
def sql(postgres_server: PostgresServer, schema: str) -> Iterator[psycopg.Connection]:
    """A connection whose search path is the schema."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema}")
        yield connection


def test_every_operation(backend: PostgresBackend) -> None:
    record = make(variables={"n": 1})
    assert backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    assert backend.put_if_version(make(variables={"n": 2}), 1) == 2
    assert backend.put(make(variables={"n": 3}, expires_at=LATER)) == 3
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(record, 1)
    assert (refused.value.expected_version, refused.value.actual_version) == (1, 3)
    found = backend.get("o", "t")
    assert (found.record.variables, found.version) == ({"n": 3}, 3)
    assert backend.list_by_owner("o") == [found]
    assert backend.count_by_owner("o") == 1
    assert backend.count_by_owner("o", live_at=LATER) == 0
    assert backend.cleanup_expired() == 0
    assert backend.delete("o", "t")
    assert not backend.delete("o", "t")
    with pytest.raises(NotFoundError):
        backend.get("o", "t")
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 3)
    assert backend.put(make(expires_at=PAST)) == 1
    assert backend.cleanup_expired() == 1


def test_a_person_can_read_the_row(backend: PostgresBackend, sql: psycopg.Connection) -> None:
    expires_at = datetime(2126, 2, 23, 10, 30, 0, 1, tzinfo=timezone(timedelta(hours=5)))
    record = make("t:1", "é", variables={"x": "\0\\'é\U0001f600"}, expires_at=expires_at)
    backend.put(record)
    backend.put(record)
    row = sql.execute("SELECT * FROM tasks").fetchone()
    assert row is not None
    assert row[:5] == ("é", "t:1", "working", 2, expires_at)
    assert len(row[5].bytes) == 16
    assert row[6] == record.to_json()


@pytest.mark.parametrize("version", [2**53 + 1, 2**63, 10**39 + 1, 10**4000 + 7])
def test_versions_of_any_size_are_exact(
    backend: PostgresBackend, sql: psycopg.Connection, version: int
) -> None:
    backend.create(make())
    sql.execute("UPDATE tasks SET version = %s::numeric", [str(version)])
    for wrong in (version - 1, version + 1, 10**38, 10**4400):
        with pytest.raises(ConcurrentModificationError) as refused:
            backend.put_if_version(make(), wrong)
        assert refused.value.actual_version == version
    assert backend.put_if_version(make(), version) == version + 1
    assert backend.put(make()) == version + 2
    assert backend.get("o", "t").version == version + 2


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "NaN", "1e4400"])
def test_a_version_that_is_none_is_corrupt(
    backend: PostgresBackend, sql: psycopg.Connection, version: str
) -> None:
    backend.create(make())
    sql.execute("UPDATE tasks SET version = %s::numeric", [version])
    calls: list[Callable[[], object]] = [
        lambda: backend.get("o", "t"),
        lambda: backend.list_by_owner("o"),
        lambda: backend.put_if_version(make(), 7),
    ]
    for call in calls:
        with pytest.raises(CorruptRecordError, match="version"):
            call()


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_instants_of_any_year_are_exact(
    backend: PostgresBackend, sql: psycopg.Connection, year: int
) -> None:
    expires_at = datetime(year, 6, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    backend.create(make(expires_at=expires_at))
    found = sql.execute("SELECT extract(epoch FROM expires_at)::text FROM tasks").fetchone()
    assert found is not None
    since_1970 = (expires_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert int(str(found[0]).replace(".", "")) == since_1970
    assert backend.count_by_owner("o", live_at=expires_at) == 0
    just_before = expires_at - timedelta(microseconds=1)
    assert backend.count_by_owner("o", live_at=just_before) == 1


ODD_IDS = ["a", "A", "ä", "z", "ß", "ss", "é", "e\u0301", "\U0001f600", "\uffff", "\x01", "10", "9"]


def test_nothing_depends_on_database_or_session(postgres_server: PostgresServer) -> None:
    url = postgres_server.url(odd_database(postgres_server))
    schema = f'Odd "schema" \'{uuid4().hex}'
    set_up(url, schema)
    with PostgresBackend.from_url(url, schema) as backend:
        for task_id in ODD_IDS:
            backend.create(make(task_id, "ö", variables={"é": "\\'\"\U0001f600"}, expires_at=NOW))
        found = backend.list_by_owner("ö")
        assert [each.record.task_id for each in found] == sorted(ODD_IDS, reverse=True)
        assert found[0] == backend.get("ö", found[0].record.task_id)
        assert found[3:5] == backend.list_by_owner("ö", limit=2, after=found[2].record.task_id)
        assert backend.count_by_owner("ö", live_at=NOW) == 0
        assert backend.count_by_owner("ö", live_at=NOW - timedelta(microseconds=1)) == len(ODD_IDS)
        assert backend.cleanup_expired() == len(ODD_IDS)


def test_every_operation_takes_one_round_trip(postgres_server: PostgresServer, schema: str) -> None:
    with (
        WireProxy(postgres_server.port) as proxy,
        PostgresBackend.from_url(proxy.url(), schema) as backend,
    ):
        backend.count_by_owner("o")
        operations: list[Callable[[], object]] = [
            lambda: backend.create(make()),
            lambda: backend.get("o", "t"),
            lambda: backend.put(make()),
            lambda: backend.put_if_version(make(variables={"x": "x" * 300_000}), 2),
            lambda: backend.list_by_owner("o"),
            lambda: backend.list_by_owner("o", limit=1, after="u"),
            lambda: backend.count_by_owner("o", live_at=NOW, at_most=3),
            lambda: backend.delete("o", "t"),
            lambda: backend.cleanup_expired(),
        ]
        refused: list[Callable[[], object]] = [
            lambda: backend.get("o", "absent"),
            lambda: backend.create(make("present")),
            lambda: backend.put_if_version(make("present"), 7),
            lambda: backend.put_if_version(make("absent"), 7),
        ]
        backend.create(make("present"))
        for operation in operations:
            before = proxy.round_trips
            operation()
            assert proxy.round_trips - before == 1
        for operation in refused:
            before = proxy.round_trips
            with pytest.raises((NotFoundError, AlreadyExistsError, ConcurrentModificationError)):
                operation()
            assert proxy.round_trips - before == 1


def test_a_refused_swap_writes_nothing(backend: PostgresBackend, sql: psycopg.Connection) -> None:
    backend.create(make())
    row = "SELECT ctid, xmin, xmax FROM tasks"
    before = sql.execute(row).fetchone()
    for _ in range(3):
        with pytest.raises(ConcurrentModificationError):
            backend.put_if_version(make(), 2)
        with pytest.raises(AlreadyExistsError):
            backend.create(make())
    assert sql.execute(row).fetchone() == before


def test_listings_and_cleanups_go_by_their_indexes(
    backend: PostgresBackend, sql: psycopg.Connection
) -> None:
    sql.execute(
        "INSERT INTO tasks SELECT 'owner ' || n % 1000, 't' || n, 'working', 1, "
        "now() + n * interval '1 second', NULL, repeat('x', 200) FROM generate_series(1, 20000) n"
    )
    sql.execute("ANALYZE tasks")
    statements = backend._operations.statements
    for statement, index, parameters in (
        (statements.first_page, "tasks_pkey", ["'owner 7'", "100"]),
        (statements.next_page, "tasks_pkey", ["'owner 7'", "100", "'t5'"]),
        (statements.count, "tasks_pkey", ["'owner 7'", "100"]),
        (statements.cleanup, "tasks_by_expiry", ["'2020-01-01'", "1000"]),
    ):
        sql.execute(b"PREPARE planned AS " + statement.text)
        plan = sql.execute(f"EXPLAIN EXECUTE planned ({', '.join(parameters)})").fetchall()
        shown = "\n".join(line for (line,) in plan)
        assert index in shown
        assert "Seq Scan" not in shown
        sql.execute("DEALLOCATE planned")


def test_corrupt_rows_name_their_key(backend: PostgresBackend, sql: psycopg.Connection) -> None:
    backend.create(make())
    for data in ("", "{}", "no json", make("other").to_json(), make("t", "other").to_json()):
        sql.execute("UPDATE tasks SET data = %s", [data])
        with pytest.raises(CorruptRecordError) as refused:
            backend.get("o", "t")
        assert (refused.value.owner_id, refused.value.task_id) == ("o", "t")
        with pytest.raises(CorruptRecordError):
            backend.list_by_owner("o")
    assert backend.delete("o", "t")


def test_a_cleanup_removes_more_than_a_batch(
    backend: PostgresBackend, sql: psycopg.Connection
) -> None:
    sql.execute(
        "INSERT INTO tasks SELECT 'o', 't' || n, 'working', 1, now() - interval '1 hour', NULL, '' "
        "FROM generate_series(1, 2500) n"
    )
    backend.create(make("lives", expires_at=LATER))
    backend.create(make("stays"))
    assert backend.cleanup_expired() == 2500
    assert backend.count_by_owner("o") == 2


@pytest.mark.parametrize("schema", ["", "é", "x" * 64, "a\nb"])
def test_a_schema_that_cannot_be_is_refused(schema: str) -> None:
    with pytest.raises(ValueError, match="schema must have 1 to 63 printable"):
        PostgresBackend.from_url("", schema)


def test_the_handle_shows_its_table_and_no_password() -> None:
    with PostgresBackend.from_url("postgresql://me:secret@nowhere.invalid/db") as backend:
        assert repr(backend) == '<PostgresBackend on "pmcp".tasks>'
        with pytest.raises(BackendError) as failed:
            backend.get("o", "t")
    assert "secret" not in f"{failed.value} {failed.value.__cause__}"
