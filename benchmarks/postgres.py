"""PostgresBackend beside bare psycopg sending the same statements.

The bare side is a `psycopg_pool.ConnectionPool` with a cursor for each statement, and encodes and
decodes the same records by the same codec; each side has a schema of its own. Round trips are
counted on the wire, by a proxy before the server, which has `fsync = off`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import (
    NOW,
    Side,
    at_once,
    backend_steps,
    compare,
    make_record,
    result,
    take_turns,
)
from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.schedules import no_faults
from pmcp_storage import PostgresBackend, TaskRecord, read_row
from pmcp_storage.backends.postgres import statements as wire
from pmcp_storage.backends.postgres.creation import create_missing
from pmcp_storage.backends.postgres.statements import Statement, Statements

THREADS = 8
CALLS = 30
LIMIT = Limit(1.15)


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    url = engines.postgres()
    pool: ConnectionPool[Any] = ConnectionPool(
        url, min_size=THREADS, open=True, kwargs={"autocommit": True, "prepare_threshold": None}
    )
    with own_schema(url) as schema, own_schema(url) as other, pool:
        pool.wait()
        yield _trips(url, schema)
        with PostgresBackend.from_url(url, schema, connections=THREADS) as backend:
            bare = Bare(pool, other)
            yield from _alone(backend, bare, scale)
            yield from _together(backend, bare, scale)


def _alone(backend: PostgresBackend, bare: Bare, scale: Scale) -> Iterator[Result]:
    records = [make_record(number) for number in range(scale.rounds)]
    sides = {"PostgresBackend": backend_steps(backend, records), "psycopg": _steps(bare, records)}
    yield from compare(sides, {"psycopg": LIMIT}, scale.rounds)


def _together(backend: PostgresBackend, bare: Bare, scale: Scale) -> Iterator[Result]:
    records = [make_record(number) for number in range(THREADS)]
    for record in records:
        backend.put(record)
        bare.put(record)
    ours, theirs = backend_steps(backend, records), _steps(bare, records)
    for name in ("get", "put"):
        steps = [at_once(side[name], THREADS, CALLS) for side in (ours, theirs)]
        our_samples, their_samples = take_turns(steps, max(4, scale.rounds // 15), THREADS * CALLS)
        names = (f"{name}, {THREADS} threads", "PostgresBackend", "psycopg")
        yield result(names, our_samples, their_samples, LIMIT)


class Bare:
    """The statements of the backend, executed by psycopg's cursors."""

    def __init__(self, pool: ConnectionPool[Any], schema: str) -> None:
        self.pool = pool
        names = Statements(schema)
        self.get_text = _text(names.get)
        self.create_text = _text(names.create)
        self.swap_text = _text(names.put_if_version)
        self.put_text = _text(names.put)
        self.page_text = _text(names.first_page)
        self.delete_text = _text(names.delete)

    def run(self, text: str, *values: Any) -> psycopg.Cursor[Any]:
        with self.pool.connection() as connection:
            named = {str(number): value for number, value in enumerate(values, 1)}
            cursor: psycopg.Cursor[Any] = connection.execute(text.encode(), named, binary=True)
            return cursor

    def _row(self, record: TaskRecord) -> list[Any]:
        key = record.owner_id.encode(), record.task_id.encode()
        return [
            *key,
            record.status.value.encode(),
            record.expires_at,
            uuid4(),
            record.to_json().encode(),
        ]

    def get(self, record: TaskRecord) -> None:
        found = self.run(self.get_text, record.owner_id.encode(), record.task_id.encode())
        version, data = found.fetchone() or ("", b"")
        read_row(record.owner_id, record.task_id, data.decode(), int(version))

    def create(self, record: TaskRecord) -> None:
        self.run(self.create_text, *self._row(record))

    def put(self, record: TaskRecord) -> None:
        self.run(self.put_text, *self._row(record)).fetchone()

    def swap(self, record: TaskRecord, version: int) -> None:
        self.run(self.swap_text, *self._row(record), version).fetchone()

    def page(self) -> None:
        for task_id, version, data in self.run(self.page_text, b"owner", 50).fetchall():
            read_row("owner", task_id.decode(), data.decode(), int(version))

    def delete(self, record: TaskRecord) -> None:
        self.run(self.delete_text, record.owner_id.encode(), record.task_id.encode())


def _text(statement: Statement) -> str:
    """The statement with psycopg's placeholders, cast as the backend sends them."""
    names = {wire.BYTEA: "bytea", wire.INT8: "int8", wire.TIMESTAMPTZ: "timestamptz"}
    names |= {wire.NUMERIC: "numeric", wire.UUID: "uuid"}
    text = statement.text.decode()
    for number, kind in enumerate(statement.types, 1):
        text = text.replace(f"${number}", f"%({number})s::{names[kind]}")
    return text


def _steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.create(records[n]),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.swap(records[n], 1),
        "put": lambda n: bare.put(records[n]),
        "page of 50": lambda n: bare.page(),
        "delete": lambda n: bare.delete(records[n]),
    }


def _trips(url: str, schema: str) -> str:
    with psycopg.connect(url) as connection:
        address = connection.info.hostaddr, connection.info.port
    with FaultProxy(address) as proxy:
        host, port = proxy.address
        way = psycopg.conninfo.make_conninfo(
            url, host=host, hostaddr=host, port=port, sslmode="disable", gssencmode="disable"
        )
        with PostgresBackend.from_url(way, schema) as backend:
            backend.count_by_owner("owner")
            steps = backend_steps(backend, [make_record(0)])
            steps["count"] = lambda n: backend.count_by_owner("owner", live_at=NOW)
            steps["cleanup"] = lambda n: backend.cleanup_expired()
            counted = []
            for name, step in steps.items():
                proxy.inject(no_faults)
                step(0)
                counted.append(f"{name} {proxy.exchanges.count}")
    return f"Round trips, counted on the wire: {', '.join(counted)}."


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """A schema with the table of a backend, for the length of a `with`."""
    name = f"benchmark_{uuid4().hex}"
    for _ in create_missing(url, name):
        pass
    try:
        yield name
    finally:
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())
