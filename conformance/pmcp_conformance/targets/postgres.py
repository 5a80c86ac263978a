"""The target of PostgresBackend."""

from __future__ import annotations

import importlib.util
import os
import shlex
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pmcp_conformance.target import BackendTarget, Refusal
from pmcp_storage import NotFoundError

if TYPE_CHECKING:
    from pmcp_storage import AsyncPostgresBackend, PostgresBackend

    Handle = PostgresBackend | AsyncPostgresBackend

_ROW = "WHERE owner_id = %s AND task_id = %s"

_NOWHERE = "pmcp_conformance_nowhere"
"""A schema that nobody makes."""


_REASONS = {
    "a serialization failure": "40001",
    "a deadlock": "40P01",
    "too many connections": "53300",
    "it is out of memory": "53200",
    "its disk is full": "53100",
    "it takes no writes": "25006",
    "the statement was cancelled": "57014",
}
"""Each with its SQLSTATE (PostgreSQL, appendix "PostgreSQL Error Codes")."""


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">i", len(content) + 4) + content


_READY = _message(b"Z", b"I")
_IN_TRANSACTION = (_message(b"Z", b"T"), _message(b"Z", b"E"))
_ROLLBACK = _message(b"Q", b"ROLLBACK\0")


def _refuse(reason: str, sqlstate: str, request: bytes) -> bytes:
    # Only what opens a connection begins with its length.
    opening = request.startswith(b"\0")
    severity = "FATAL" if opening else "ERROR"
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": reason}
    text = "".join(f"{name}{value}\0" for name, value in fields.items()) + "\0"
    return _message(b"E", text.encode()) + (b"" if opening else _READY)


def _rollback(said: bytes) -> bytes:
    """What ends the transaction that the statement belongs to, as an error does."""
    return _ROLLBACK if said.endswith(_IN_TRANSACTION) else b""


REFUSALS = [
    Refusal(reason, partial(_refuse, reason, sqlstate), _rollback)
    for reason, sqlstate in _REASONS.items()
]
"""How any PostgreSQL refuses requests."""


class PostgresTarget(BackendTarget):
    """The PostgreSQL at PMCP_POSTGRES_URL, a connection string of libpq's, or at the PG* variables.

    On a loopback address or a socket of this machine the run makes a schema of its own and drops
    it in the end. Anything else is left alone unless the command line names this target, and then
    the run works in the schema that PMCP_POSTGRES_SCHEMA names, `pmcp` by default, as on any table
    that others use too.
    """

    name = "postgres"
    # Two seconds to connect, libpq's least, and twice the second that `open_at` sets.
    answer_within = 10.0

    def __init__(self) -> None:
        self._url = os.environ.get("PMCP_POSTGRES_URL", "")
        self._schema = os.environ.get("PMCP_POSTGRES_SCHEMA", "")
        self._made = False
        self._host, self._hostaddr, self._port, self._unreachable = "", "", 0, ""
        self._look()

    def _look(self) -> None:
        """Find out where the connection leads; the proxy has to stand in between."""
        if importlib.util.find_spec("psycopg") is None:
            return
        import psycopg

        try:
            with self._connection() as connection:
                info = connection.info
                self._host, self._hostaddr, self._port = info.host, info.hostaddr, info.port
        except psycopg.Error as error:
            self._unreachable = " ".join(str(error).split())

    def unavailable(self) -> str | None:
        if importlib.util.find_spec("psycopg") is None:
            return "psycopg is not installed: pip install 'pmcp-storage[postgres]'"
        if not self._url and not any(name in os.environ for name in ("PGHOST", "PGSERVICE")):
            return "PMCP_POSTGRES_URL and the PG* variables name no server: set one of them"
        if self._unreachable:
            return f"PostgreSQL cannot be reached: {self._unreachable}"
        if self.named or self._is_local():
            return None
        return (
            f"{self._host} is no loopback address: to run against it, say --pmcp-backend postgres "
            "and name a schema that has the table in PMCP_POSTGRES_SCHEMA"
        )

    def prepare(self) -> None:
        if self._is_local() and not self._schema:
            self._schema, self._made = f"pmcp_conformance_{uuid4().hex}", True
            self._make(self._schema)
        self._schema = self._schema or "pmcp"

    def dispose(self) -> None:
        if self._made:
            self._drop(self._schema)

    def open(self) -> Handle:
        return self._open(self._url, self._schema)

    def open_fresh(self, token: str) -> Handle:
        self._make(self._fresh(token))
        return self._open(self._url, self._fresh(token))

    def dispose_fresh(self, token: str) -> None:
        self._drop(self._fresh(token))

    def open_misconfigured(self) -> Handle:
        return self._open(self._url, _NOWHERE)

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        query = f"SELECT extract(epoch FROM expires_at)::numeric FROM {self._table} {_ROW}"
        with self._connection() as connection:
            found = connection.execute(query, (owner_id, task_id)).fetchone()
        if found is None:
            raise NotFoundError(owner_id, task_id)
        return None if found[0] is None else float(found[0])

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        with self._connection() as connection:
            connection.execute(f"DELETE FROM {self._table} {_ROW}", (owner_id, task_id))
            connection.execute(
                f"INSERT INTO {self._table} (owner_id, task_id, status, version, data) "
                "VALUES (%s, %s, 'planted', %s, %s)",
                (owner_id, task_id, version, data),
            )

    def crash(self) -> None:
        subprocess.run(shlex.split(os.environ["PMCP_POSTGRES_CRASH"]), check=True)

    def offers(self, back_door: str) -> bool:
        if back_door == "crash":
            return "PMCP_POSTGRES_CRASH" in os.environ
        if back_door == "open_fresh":
            return self._is_local()  # elsewhere the run makes nothing
        if back_door in ("address", "open_at"):
            return bool(self._host) and not self._host.startswith("/")
        return super().offers(back_door)

    def address(self) -> tuple[str, int]:
        return self._hostaddr, self._port

    def open_at(self, host: str, port: int) -> Handle:
        from psycopg.conninfo import make_conninfo

        # Plain, because the proxy's name is in no certificate; and short enough for connecting,
        # an answer and a look at the row to fit into answer_within.
        way: dict[str, Any] = {"host": host, "hostaddr": host, "port": port, "connect_timeout": 2}
        plain = make_conninfo(self._url, sslmode="disable", gssencmode="disable", **way)
        return self._open(plain, self._schema, timeout=1.0)

    def refusals(self) -> Sequence[Refusal]:
        return REFUSALS

    def _open(self, url: str, schema: str, **settings: Any) -> Handle:
        from pmcp_storage import PostgresBackend

        return PostgresBackend.from_url(url, schema, **settings)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        from psycopg import connect

        with connect(self._url, autocommit=True, prepare_threshold=None) as connection:
            yield connection

    def _is_local(self) -> bool:
        """Whether the server is on this machine: at a loopback address, or a socket in a folder."""
        try:
            return self._host.startswith("/") or ip_address(self._hostaddr).is_loopback
        except ValueError:
            return False

    @property
    def _table(self) -> str:
        return f'"{self._schema}".tasks'

    def _fresh(self, token: str) -> str:
        return f"pmcp_fresh_{token}"

    def _make(self, schema: str) -> None:
        from pmcp_storage.backends.postgres.creation import create_missing

        for _ in create_missing(self._url, schema):
            pass

    def _drop(self, schema: str) -> None:
        with self._connection() as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
