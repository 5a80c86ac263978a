"""The target of the backends in `postgres`: a schema of its own on the server of all tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mutants.postgres import PgBackend
from pmcp_conformance import BackendTarget, Refusal
from pmcp_conformance.targets.postgres import REFUSALS
from pmcp_storage import StorageBackend
from support.postgres_server import running

URL = "PMCP_MUTANTS_POSTGRES_URL"
"""The environment variable that names the server, for the processes that this one starts."""

_server = ExitStack()


def server_url() -> str:
    """Where the server listens; started with the first call, and for all processes that follow."""
    if URL not in os.environ:
        os.environ[URL] = _server.enter_context(running()).url()
        _server.callback(os.environ.pop, URL)
    return os.environ[URL]


def stop_server() -> None:
    """End the server, if this process has started it."""
    _server.close()


class PgTarget(BackendTarget):
    """Schemas of its own on the server, dropped in the end."""

    name = "postgres-mutant"
    # Two seconds to connect, the library's least, and an answer twice.
    answer_within = 5.0

    def __init__(self, backend: type[PgBackend] = PgBackend, url: str = "") -> None:
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__
        self._name = f"mutant_{uuid4().hex[:12]}"
        self.url = make_conninfo(
            url or server_url(),
            connect_timeout=2,
            client_encoding="UTF8",
            application_name=self._name,
        )

    @property
    def backend(self) -> type[PgBackend]:
        module, name = self._backend
        found: type[PgBackend] = getattr(import_module(module), name)
        return found

    def prepare(self) -> None:
        self.make(self._name)

    def dispose(self) -> None:
        self.drop(self._name)

    def open(self) -> StorageBackend:
        return self.backend(self.url, self._name)

    def open_fresh(self, token: str) -> StorageBackend:
        self.make(f"{self._name}_{token}")
        return self.backend(self.url, f"{self._name}_{token}")

    def dispose_fresh(self, token: str) -> None:
        self.drop(f"{self._name}_{token}")

    def open_misconfigured(self) -> StorageBackend:
        return self.backend(self.url, "nowhere")

    def address(self) -> tuple[str, int]:
        server = conninfo_to_dict(self.url)
        return str(server["host"]), int(str(server["port"]))

    def open_at(self, host: str, port: int) -> StorageBackend:
        return self.backend(make_conninfo(self.url, host=host, port=port), self._name)

    def refusals(self) -> Sequence[Refusal]:
        return REFUSALS

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        query = "SELECT extract(epoch FROM expires_at)::float8 FROM {table} WHERE {key}"
        found: float | None = self.execute(query, owner=owner_id, task=task_id)[0][0]
        return found

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        key = {"owner": owner_id, "task": task_id}
        self.execute("DELETE FROM {table} WHERE {key}", **key)
        self.execute(
            """INSERT INTO {table} (owner_id, task_id, version, data)
            VALUES (%(owner)s, %(task)s, %(version)s, {data})""",
            **key,
            version=version,
            data=data,
        )

    def make(self, schema: str) -> None:
        """Make a schema with the table in it; nothing if it is there."""
        with suppress(psycopg.errors.DuplicateSchema, psycopg.errors.UniqueViolation):
            # Together, in one transaction: whoever finds the schema finds the table in it.
            self.execute(f"CREATE SCHEMA {schema}; {self.backend.layout}", schema)

    def drop(self, schema: str) -> None:
        # A transaction that a broken backend has left open would be waited for, for ever.
        self.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = %(name)s AND state <> 'idle' AND pid <> pg_backend_pid()""",
            name=self._name,
        )
        self.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def execute(self, statement: str, schema: str = "", **values: object) -> list[tuple[Any, ...]]:
        """Carry out a statement of the target's own, with the backend's parts in it."""
        text = self.backend(self.url, schema or self._name).sql(statement)
        url = make_conninfo(self.url, options="-c lock_timeout=2s")  # a broken backend may hold it
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []
