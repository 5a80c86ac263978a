"""`init postgres` and `verify postgres`: what they create, find missing, and leave alone."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from pmcp_storage import BackendError, PostgresBackend
from pmcp_storage.backends.postgres.setup import init, verify
from support.postgres_server import PostgresServer, postgres_server, running, standby_of
from support.postgres_support import make, schema

__all__ = ["postgres_server", "schema"]


@pytest.fixture(scope="module")
def safe_server() -> Iterator[PostgresServer]:
    """A server that syncs what it writes, as `verify` wants it."""
    with running(safe=True, wal_level="replica", max_wal_senders="2") as server:
        yield server


def options(server: PostgresServer, schema: str, user: str = "postgres") -> argparse.Namespace:
    return argparse.Namespace(url=server.url(user=user), schema=schema)


@pytest.fixture
def made(safe_server: PostgresServer) -> str:
    """The name of a schema that was set up."""
    name = f"test_{uuid4().hex}"
    lines = list(init(options(safe_server, name)))
    assert [line for line in lines if line.startswith("created")] == [
        f'created schema "{name}"',
        f'created table "{name}".tasks',
        "created index tasks_by_expiry",
    ]
    return name


def test_init_creates_what_is_missing_and_nothing_twice(
    safe_server: PostgresServer, made: str
) -> None:
    again = list(init(options(safe_server, made)))
    assert not [line for line in again if line.startswith("created")]
    assert again[-1] == f'table "{made}".tasks is as it should be'
    assert list(verify(options(safe_server, made))) == again[-1:]


def test_the_rights_that_init_prints_are_enough_and_none_is_too_many(
    safe_server: PostgresServer, made: str
) -> None:
    lines = list(init(options(safe_server, made)))
    grants = [line.strip() for line in lines if "GRANT" in line]
    role = f"app_{made}"
    safe_server.execute(f"CREATE ROLE {role} LOGIN")
    for grant in grants:
        safe_server.execute(grant.replace(" TO app;", f" TO {role};"))
    assert list(verify(options(safe_server, made, role)))
    # A role without further rights may run init where everything is there.
    assert list(init(options(safe_server, made, role)))
    with PostgresBackend.from_url(safe_server.url(user=role), made) as backend:
        assert (backend.create(make()), backend.put_if_version(make(), 1)) == (1, 2)
        assert (backend.put(make()), backend.cleanup_expired()) == (3, 0)
        assert backend.list_by_owner("o")
        assert backend.delete("o", "t")
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        safe_server.execute(f'REVOKE {right} ON "{made}".tasks FROM {role}')
        with pytest.raises(BackendError, match=f"lacks .*{right}"):
            list(verify(options(safe_server, made, role)))


def inited(chosen: argparse.Namespace) -> list[str]:
    return list(init(chosen))


def test_several_inits_at_once_all_succeed(safe_server: PostgresServer) -> None:
    for _ in range(5):
        chosen = options(safe_server, f"test_{uuid4().hex}")
        with ThreadPoolExecutor(8) as pool:
            runs = [pool.submit(inited, chosen) for _ in range(8)]
        assert {run.result()[-1] for run in runs} == {
            f'table "{chosen.schema}".tasks is as it should be'
        }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP TABLE tasks", "there is no such table: create it"),
        ("ALTER TABLE tasks SET UNLOGGED", "unlogged"),
        ("ALTER TABLE tasks DROP COLUMN write_id", "the column write_id is missing"),
        ("ALTER TABLE tasks ALTER version TYPE bigint", "version is of type bigint, not numeric"),
        (
            "ALTER TABLE tasks ALTER expires_at TYPE timestamp",
            "expires_at is of type timestamp without time zone, not timestamp with time zone",
        ),
        (
            'ALTER TABLE tasks ALTER task_id TYPE text COLLATE "en-x-icu"',
            'task_id has the collation "en-x-icu", not "C"',
        ),
        ("ALTER TABLE tasks DROP CONSTRAINT tasks_pkey", r"primary key must be \(owner_id, task"),
        (
            "ALTER TABLE tasks DROP CONSTRAINT tasks_pkey, ADD PRIMARY KEY (task_id, owner_id)",
            "primary key must be",
        ),
        ("DROP INDEX tasks_by_expiry", "an index on expires_at is missing"),
        ("ALTER ROLE postgres SET synchronous_commit = off", "synchronous_commit is off"),
        ("ALTER ROLE postgres SET default_transaction_read_only = on", "read-only"),
    ],
)
def test_verify_names_what_is_different_and_changes_nothing(
    safe_server: PostgresServer, made: str, change: str, told: str
) -> None:
    with psycopg.connect(safe_server.url(), autocommit=True) as connection:
        connection.execute(f'SET search_path = "{made}"')
        connection.execute(change)
        try:
            for _ in range(2):
                with pytest.raises(BackendError, match=told):
                    list(verify(options(safe_server, made)))
        finally:
            connection.execute("ALTER ROLE postgres RESET ALL")


def test_verify_names_what_may_lose_records(postgres_server: PostgresServer, schema: str) -> None:
    with pytest.raises(BackendError, match="fsync is off"):
        list(verify(options(postgres_server, schema)))


def test_verify_names_another_encoding(safe_server: PostgresServer) -> None:
    safe_server.execute(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    chosen = argparse.Namespace(url=safe_server.url("latin"), schema="pmcp")
    with pytest.raises(BackendError, match="encoding of the database is LATIN1, not UTF8"):
        list(init(chosen))


def test_a_standby_is_named_and_refuses_writes(safe_server: PostgresServer, made: str) -> None:
    with standby_of(safe_server) as standby:
        with pytest.raises(BackendError, match="is a standby"):
            list(verify(options(standby, made)))
        with PostgresBackend.from_url(standby.url(), made) as backend:
            assert backend.count_by_owner("o") == 0
            with pytest.raises(BackendError, match=r"25006.*target_session_attrs=read-write"):
                backend.put(make())
        # libpq finds the primary among several hosts.
        url = (
            f"host=127.0.0.1,127.0.0.1 port={standby.port},{safe_server.port} user=postgres "
            "target_session_attrs=read-write"
        )
        with PostgresBackend.from_url(url, made) as backend:
            assert backend.put(make()) == 1


def test_servers_of_the_tests_end_with_their_command(tmp_path: Path) -> None:
    marker = tmp_path / "url"
    script = f"import os, time; open({str(marker)!r}, 'w').write(os.environ['PMCP_POSTGRES_URL'])"
    server = str(Path(__file__).parents[2] / "support" / "postgres_server.py")
    waits = [sys.executable, "-c", f"{script}; time.sleep(60)"]
    command = [sys.executable, server, "run", "--", *waits]
    with subprocess.Popen(command) as process:
        while not (marker.exists() and marker.read_text()):
            assert process.poll() is None
        process.terminate()
        assert process.wait() == 143
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(marker.read_text())
