"""PostgresBackend under faults: lost answers, dead connections, errors of the server."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pmcp_storage import (
    BackendError,
    OutcomeUnknownError,
    PostgresBackend,
    StorageFullError,
    TaskRecord,
)
from support.postgres_server import PostgresServer, bouncing, postgres_server
from support.postgres_support import (
    WireProxy,
    backend,
    error_response,
    make,
    schema,
    sessions,
)
from support.servers import free_port

__all__ = ["backend", "postgres_server", "schema"]

IDLE = b"Z\x00\x00\x00\x05I"
"""ReadyForQuery, outside a transaction."""

SECRET = "hidden-5f1d7c"


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[WireProxy]:
    with WireProxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: WireProxy, schema: str) -> Iterator[PostgresBackend]:
    """A handle that goes through the proxy, connected already."""
    with PostgresBackend.from_url(proxy.url(), schema, timeout=2) as through:
        through.count_by_owner("o")
        yield through


Write = Callable[[PostgresBackend, TaskRecord], int]

WRITES: dict[str, tuple[Write, int]] = {
    "create": (lambda backend, record: backend.create(record), 0),
    "put of an absent key": (lambda backend, record: backend.put(record), 0),
    "put": (lambda backend, record: backend.put(record), 3),
    "put_if_version": (lambda backend, record: backend.put_if_version(record, 3), 3),
}
"""Each write, and the version that is to be there before it."""


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest, backend: PostgresBackend) -> tuple[Write, int]:
    write, version = WRITES[request.param]
    for _ in range(version):
        backend.put(make())
    return write, version + 1


# The rows come before the commit, and only ReadyForQuery says that it is done.
@pytest.mark.parametrize("lost", [b"C", b"Z"])
def test_a_write_whose_answer_is_lost_is_proven_by_its_row(
    backend: PostgresBackend,
    proxy: WireProxy,
    through: PostgresBackend,
    write: tuple[Write, int],
    lost: bytes,
) -> None:
    proxy.once(lost, lambda message: None)
    assert write[0](through, make(variables={"mine": 1})) == write[1]
    found = backend.get("o", "t")
    assert (found.version, found.record.variables) == (write[1], {"mine": 1})


def test_a_write_that_its_row_does_not_prove_is_unknown(
    backend: PostgresBackend, proxy: WireProxy, through: PostgresBackend, write: tuple[Write, int]
) -> None:
    def overtaken(message: bytes) -> None:
        backend.put(make(variables={"mine": 1}))  # an equal record, and another's

    proxy.once(b"Z", overtaken)
    with pytest.raises(OutcomeUnknownError, match="write of task 't'") as unknown:
        write[0](through, make(variables={"mine": 1}))
    assert isinstance(unknown.value.__cause__, psycopg.Error)
    assert through.get("o", "t").version == write[1] + 1


def test_a_write_with_nobody_left_to_ask_is_unknown(
    proxy: WireProxy, through: PostgresBackend, write: tuple[Write, int]
) -> None:
    def gone(kind: bytes, message: bytes) -> bytes | None:
        return None if kind in b"ZR" else message  # neither an end nor a new beginning

    proxy.spoil = gone
    with pytest.raises(OutcomeUnknownError):
        write[0](through, make())


def test_lost_answers_of_a_delete_and_a_cleanup_are_unknown(
    backend: PostgresBackend, proxy: WireProxy, through: PostgresBackend
) -> None:
    backend.put(make())
    for call in (lambda: through.delete("o", "t"), through.cleanup_expired):
        through.count_by_owner("o")
        proxy.once(b"Z", lambda message: None)
        with pytest.raises(OutcomeUnknownError):
            call()
    assert backend.count_by_owner("o") == 0


def test_reads_whose_answers_are_lost_are_plain_errors(
    proxy: WireProxy, through: PostgresBackend
) -> None:
    for call in (lambda: through.get("o", "t"), lambda: through.list_by_owner("o")):
        through.count_by_owner("o")
        proxy.once(b"C", lambda message: None)
        with pytest.raises(BackendError, match="did not answer") as failed:
            call()
        assert not isinstance(failed.value, OutcomeUnknownError)


def test_an_answer_that_does_not_come_is_not_waited_for(
    proxy: WireProxy, schema: str, backend: PostgresBackend
) -> None:
    release = threading.Event()

    def kept_back(message: bytes) -> None:
        release.wait(30)

    with PostgresBackend.from_url(proxy.url(), schema, timeout=0.3) as impatient:
        impatient.count_by_owner("o")
        proxy.once(b"1", kept_back)
        with pytest.raises(BackendError, match="no answer in time"):
            impatient.get("o", "t")
        proxy.once(b"1", kept_back)
        assert impatient.put(make()) == 1  # proven by its row
        release.set()


@pytest.mark.parametrize(
    ("severity", "sqlstate", "kind", "remedy"),
    [
        ("ERROR", "53100", StorageFullError, "make room"),
        ("ERROR", "57014", BackendError, "statement_timeout"),
        ("ERROR", "55P03", BackendError, "lock_timeout"),
        ("ERROR", "42501", BackendError, "grant"),
        ("ERROR", "XX000", BackendError, "log"),
        ("FATAL", "57P01", BackendError, "try again later"),
        ("FATAL", "57P05", BackendError, "try again later"),
        ("FATAL", "53300", BackendError, "max_connections"),
        ("FATAL", "28000", BackendError, "pg_hba.conf"),
        ("FATAL", "3D000", BackendError, "database"),
        ("FATAL", "08P01", None, ""),  # PgBouncer: "server conn crashed?"
        ("ERROR", "08P01", None, ""),
        ("ERROR", "40003", None, ""),
        ("FATAL", "57P02", None, ""),
        ("FATAL", "XX000", None, ""),
        ("PANIC", "53100", None, ""),
    ],
)
def test_what_an_error_of_the_servers_means(
    proxy: WireProxy,
    through: PostgresBackend,
    severity: str,
    sqlstate: str,
    kind: type[Exception] | None,
    remedy: str,
) -> None:
    """The write is carried out and its answer replaced: where the error leaves the outcome open,
    the row proves it."""

    passing = proxy.spoil

    def replaced(message: bytes) -> bytes:
        proxy.spoil = cut
        end = IDLE if kind and severity == "ERROR" else b""
        return error_response(severity, sqlstate, "said") + end

    def cut(found: bytes, message: bytes) -> None:
        proxy.spoil = passing

    proxy.once(b"1", replaced)
    if kind is None:
        assert through.put(make()) == 1
        return
    with pytest.raises(kind, match=rf"\({sqlstate}: said\).*{remedy}") as refused:
        through.put(make())
    assert type(refused.value) is kind


def test_a_connection_that_died_while_idle_is_not_sent_on(
    postgres_server: PostgresServer, backend: PostgresBackend
) -> None:
    backend.put(make())
    for version in range(2, 30):
        postgres_server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'pmcp-storage'"
        )
        assert backend.put(make()) == version


def test_an_unreachable_server_says_where_it_was_looked_for() -> None:
    port = free_port()
    with PostgresBackend.from_url(f"postgresql://me@127.0.0.1:{port}/db") as backend:
        for call in (lambda: backend.get("o", "t"), lambda: backend.put(make())):
            with pytest.raises(BackendError, match=f"port {port} failed: Connection") as failed:
                call()
            assert not isinstance(failed.value, OutcomeUnknownError)
            assert isinstance(failed.value.__cause__, psycopg.OperationalError)


def test_a_server_that_takes_no_writes_is_left(
    postgres_server: PostgresServer, schema: str
) -> None:
    role = f"reader_{schema}"
    postgres_server.execute(f"CREATE ROLE {role} SUPERUSER LOGIN")
    postgres_server.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    with PostgresBackend.from_url(postgres_server.url(user=role), schema) as backend:
        assert backend.count_by_owner("o") == 0
        for _ in range(2):
            with pytest.raises(BackendError, match="target_session_attrs=read-write"):
                backend.put(make())
        # As after a failover: the next connection leads to a server that takes writes.
        postgres_server.execute(f"ALTER ROLE {role} RESET default_transaction_read_only")
        assert backend.put(make()) == 1
    postgres_server.execute(f"DROP ROLE {role}")


def test_a_role_without_rights_is_told_what_to_do(
    postgres_server: PostgresServer, schema: str
) -> None:
    role = f"nobody_{schema}"
    postgres_server.execute(f"CREATE ROLE {role} LOGIN")
    with PostgresBackend.from_url(postgres_server.url(user=role), schema) as backend:
        with pytest.raises(BackendError, match=r"42501: permission denied.*grant"):
            backend.put(make())
        with pytest.raises(BackendError, match="USAGE on schema"):
            backend.verify()
    postgres_server.execute(f"DROP ROLE {role}")


def test_a_role_with_too_many_connections_is_shown(
    postgres_server: PostgresServer, schema: str
) -> None:
    role = f"few_{schema}"
    postgres_server.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    with (
        PostgresBackend.from_url(postgres_server.url(user=role), schema) as backend,
        pytest.raises(BackendError, match="too many connections") as failed,
    ):
        backend.put(make())
    assert not isinstance(failed.value, OutcomeUnknownError)
    postgres_server.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "obstacle",
    [
        # DETAIL: Key (…)=(…) already exists
        "CREATE UNIQUE INDEX ON {schema}.tasks ((data::json ->> 'result'))",
        """CREATE FUNCTION {schema}.tell() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'refused: %', new.data; END $$;
           CREATE TRIGGER tell BEFORE INSERT ON {schema}.tasks FOR EACH ROW
           EXECUTE FUNCTION {schema}.tell()""",
    ],
)
def test_no_error_shows_what_a_record_holds(
    postgres_server: PostgresServer, schema: str, backend: PostgresBackend, obstacle: str
) -> None:
    backend.create(make("first", result=SECRET))
    postgres_server.execute(obstacle.replace("{schema}", schema))
    with pytest.raises(BackendError) as refused:
        backend.create(make(variables={"secret": SECRET}, result=SECRET))
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert backend.count_by_owner("o") == 1


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_pgbouncer_in_every_mode_also_when_it_loses_its_server(
    postgres_server: PostgresServer, schema: str, mode: str
) -> None:
    with (
        bouncing(postgres_server, pool_mode=mode) as bouncer,
        PostgresBackend.from_url(bouncer.url(), schema) as backend,
    ):
        assert backend.create(make()) == 1
        assert backend.put_if_version(make(), 1) == 2
        postgres_server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'pmcp-storage'"
        )
        assert backend.put(make()) == 3
        assert sessions(postgres_server) <= 1
