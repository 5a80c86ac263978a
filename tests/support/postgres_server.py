"""A PostgreSQL of the tests' own, with PgBouncer before it if wanted.

    python tests/support/postgres_server.py run [OPTIONS] -- COMMAND...

runs a command that finds it in PMCP_POSTGRES_URL. The options: --pgbouncer, through PgBouncer in
transaction mode; --serializable, with that as the database's default isolation; --odd, in a
database whose collation, time zone, encoding of clients and so on are unusual.

The server listens on a loopback port that it finds free and in a temporary folder, which holds its
data too. Where this process is root, which PostgreSQL refuses to run as, it runs as `postgres` or
`nobody`. Import `postgres_server` into a test module to use it as a fixture.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

if not __package__:  # it is run as a script, from whose folder `support` is not found
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.postgres_processes import (
    READY_WITHIN,
    as_user,
    children,
    conninfo,
    give_away,
    is_ready,
    is_running,
    program,
    start_as_user,
    temporary_folder,
)
from support.servers import crash_command, dismiss, free_port, guard, run

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}
_UNSAFE = {"fsync": "off"}
"""Faster, and enough for all but a loss of power: what a killed server wrote is the system's."""


class PostgresServer:
    """A running cluster in `folder`; `settings` are added to its configuration."""

    def __init__(self, folder: Path, *, safe: bool = False, **settings: str) -> None:
        self._folder = folder
        self._settings = {**_SETTINGS, **({} if safe else _UNSAFE), **settings}
        self.port = 0
        give_away(folder)
        self._make_data()
        self.start()

    def _make_data(self) -> None:
        folder = self._folder
        as_user(program("initdb"), "-D", folder / "data", "-U", "postgres", "-A", "trust",
                 "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip

    def start(self, **settings: str) -> None:
        """Start it, on the port of before if there was one; with more settings if given."""
        self._settings |= settings
        for _ in range(5):
            port = self.port or free_port()
            given = {**self._settings, "port": port, "unix_socket_directories": self._folder}
            options = [f"--{name}={value}" for name, value in given.items()]
            command = [program("postgres"), "-D", self._folder / "data", *options]
            self._guard = guard("QUIT")
            log = self._folder / "log"
            self._process = start_as_user(*command, log=log, guarded_by=self._guard)
            self.port = port
            if is_ready(self._process, self.url()):
                return
            self.kill()
            self.port = 0
        raise RuntimeError(f"postgres does not start:\n{(self._folder / 'log').read_text()}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Have it shut down: SIGINT at once and in order (fast), SIGQUIT at once (immediate)."""
        self._process.send_signal(how)
        self._process.wait(READY_WITHIN)
        dismiss(self._guard)

    def kill(self) -> None:
        """SIGKILL the server and every process of it, at the same moment if at all possible."""
        if self._process.poll() is not None:
            return
        workers = children(self._process.pid)
        for process in (self._process.pid, *workers):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        dismiss(self._guard)
        # A server does not start while a process of the former one is attached to its memory.
        while any(map(is_running, workers)):
            time.sleep(0.001)

    def url(self, database: str = "postgres", user: str = "postgres", **options: str) -> str:
        return conninfo(self.port, database, user, **options)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []


class Standby(PostgresServer):
    """A running standby of another server."""

    def __init__(self, folder: Path, primary: PostgresServer) -> None:
        self._primary = primary
        super().__init__(folder, safe=True)

    def _make_data(self) -> None:
        as_user(program("pg_basebackup"), "-D", self._folder / "data", "-d", self._primary.url(),
                 "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")  # fmt: skip


class PgBouncer:
    """PgBouncer in transaction mode before a server."""

    def __init__(self, server: PostgresServer, folder: Path, **settings: str) -> None:
        give_away(folder)
        self.port = free_port()
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": str(folder),
            "auth_type": "any",
            "pool_mode": "transaction",
            "max_client_conn": "500",
            "default_pool_size": "20",
            **settings,
        }
        target = f"* = host=127.0.0.1 port={server.port} user=postgres"
        options = "\n".join(f"{name} = {value}" for name, value in lines.items())
        (folder / "pgbouncer.ini").write_text(f"[databases]\n{target}\n[pgbouncer]\n{options}\n")
        self._guard = guard("KILL")
        command = program("pgbouncer"), folder / "pgbouncer.ini"
        self._process = start_as_user(*command, log=folder / "log", guarded_by=self._guard)
        if not is_ready(self._process, self.url()):
            self.stop()
            raise RuntimeError(f"pgbouncer does not start:\n{(folder / 'log').read_text()}")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        dismiss(self._guard)

    def url(self, database: str = "postgres", user: str = "postgres", **options: str) -> str:
        return conninfo(self.port, database, user, **options)


@contextmanager
def running(*, safe: bool = False, **settings: str) -> Iterator[PostgresServer]:
    """A server for the length of a `with`; `safe`: it syncs what it writes."""
    with temporary_folder() as folder:
        (folder / "server").mkdir()
        server = PostgresServer(folder / "server", safe=safe, **settings)
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[Standby]:
    """A standby of the server for the length of a `with`."""
    with temporary_folder() as folder:
        (folder / "server").mkdir()
        standby = Standby(folder / "server", primary)
        try:
            yield standby
        finally:
            standby.kill()


@contextmanager
def bouncing(server: PostgresServer, **settings: str) -> Iterator[PgBouncer]:
    """PgBouncer before the server for the length of a `with`."""
    with temporary_folder() as folder:
        bouncer = PgBouncer(server, folder, **settings)
        try:
            yield bouncer
        finally:
            bouncer.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


def odd_database(server: PostgresServer) -> str:
    """The name of a database in which nothing is as usual that a backend could rely on."""
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = 'odd'"):
        server.execute(
            "CREATE DATABASE odd TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"
        )
        for setting in _ODD:
            server.execute(f"ALTER DATABASE odd SET {setting}")
    return "odd"


_ODD = (
    "timezone = 'Asia/Kathmandu'",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'sql_standard'",
    "client_encoding = 'LATIN1'",
    "standard_conforming_strings = off",
    "escape_string_warning = off",
    "bytea_output = 'escape'",
    "search_path = ''",
    "extra_float_digits = -15",
    "lc_numeric = 'C'",
    "default_transaction_isolation = 'repeatable read'",
    "lock_timeout = '9s'",
    "statement_timeout = '9s'",
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python tests/support/postgres_server.py")
    parser.add_argument("verb", choices=["run"])
    for option in ("--pgbouncer", "--serializable", "--odd"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("command", nargs="+", help="after --")
    options = parser.parse_args(arguments)
    # As an exception, a termination passes through every `with` and ends command and server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        server = stack.enter_context(running())
        database = odd_database(server) if options.odd else "postgres"
        if options.serializable:
            server.execute(
                f"ALTER DATABASE {database} SET default_transaction_isolation = serializable"
            )
        door = stack.enter_context(bouncing(server)) if options.pgbouncer else server
        environment = {"PMCP_POSTGRES_URL": door.url(database)}
        if not options.pgbouncer:  # which takes its time to find that the server is back
            environment["PMCP_POSTGRES_CRASH"] = stack.enter_context(crash_command(server))
        return run(options.command, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
