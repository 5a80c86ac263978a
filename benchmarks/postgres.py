"""What PostgresBackend costs beside bare psycopg sending the same statements.

    python benchmarks/postgres.py "host=127.0.0.1 user=postgres"

Run it against a server that has nothing else to do: it works in schemas of its own, one for each
side, and drops them in the end. The bare side is a `psycopg_pool.ConnectionPool` with a cursor for
each statement, and encodes and decodes the same records by the same codec. Both sides take turns,
in changing order. "wall" are the median microseconds of an operation and "processor" this
process's share of them; a ratio is ours by theirs. Round trips are counted on the wire, by a proxy
before the server.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg_pool import ConnectionPool

from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.schedules import no_faults
from pmcp_storage import PostgresBackend, Task, TaskRecord, TaskStatus, read_row
from pmcp_storage.backends.postgres import statements as wire
from pmcp_storage.backends.postgres.creation import create_missing
from pmcp_storage.backends.postgres.statements import Statement, Statements

ROUNDS = 600
THREADS = 8
NOW = datetime.now(UTC)
Step = Callable[[int], object]


def make(number: int) -> TaskRecord:
    """A record of some 2 KB of JSON; ids in the order of their numbers, as UUIDv7 are."""
    task = Task(
        task_id=f"019a0000-0000-7000-8000-{number:012d}",
        status=TaskStatus.WORKING,
        created_at=NOW,
        last_updated_at=NOW,
        ttl=60_000,
    )
    variables = {f"step_{n}": {"name": f"step {n}", "note": "x" * 60} for n in range(16)}
    return TaskRecord(
        task=task,
        owner_id="owner",
        request_method="tools/call",
        variables=variables,
        expires_at=NOW + timedelta(hours=1),
    )


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


def bare_steps(bare: Bare, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: bare.create(records[n]),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.swap(records[n], 1),
        "put": lambda n: bare.put(records[n]),
        "page of 50": lambda n: bare.page(),
        "delete": lambda n: bare.delete(records[n]),
    }


def backend_steps(backend: PostgresBackend, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: backend.create(records[n]),
        "get": lambda n: backend.get("owner", records[n].task_id),
        "put_if_version": lambda n: backend.put_if_version(records[n], 1),
        "put": lambda n: backend.put(records[n]),
        "page of 50": lambda n: backend.list_by_owner("owner", limit=50),
        "delete": lambda n: backend.delete("owner", records[n].task_id),
    }


Sample = tuple[float, float]
"""Microseconds on the wall, and of this thread's processor time."""


def timed(step: Step, number: int) -> Sample:
    wall, processor = time.perf_counter(), time.thread_time()
    step(number)
    return (time.perf_counter() - wall) * 1e6, (time.thread_time() - processor) * 1e6


def take_turns(ours: Step, theirs: Step) -> list[Sample]:
    """The medians of both steps, over ROUNDS rounds in changing order."""
    samples: list[list[Sample]] = [[], []]
    for number, order in zip(range(ROUNDS), itertools.cycle(((0, 1), (1, 0))), strict=False):
        for side in order:
            samples[side].append(timed((ours, theirs)[side], number))
    return [
        (statistics.median(wall), statistics.median(processor))
        for wall, processor in (zip(*side, strict=True) for side in samples)
    ]


def compare(backend: PostgresBackend, bare: Bare) -> None:
    records = [make(number) for number in range(ROUNDS)]
    ours, theirs = backend_steps(backend, records), bare_steps(bare, records)
    print(f"{'':16}{'wall':>7}{'bare':>7}{'ratio':>7}{'processor':>11}{'bare':>7}{'ratio':>7}")
    for name in ours:
        (wall, processor), (bare_wall, bare_processor) = take_turns(ours[name], theirs[name])
        print(
            f"{name:16}{wall:7.0f}{bare_wall:7.0f}{wall / bare_wall:7.2f}"
            f"{processor:11.0f}{bare_processor:7.0f}{processor / bare_processor:7.2f}"
        )


def rate(step: Step) -> float:
    """Operations a second by all threads together; each has records of its own."""

    def work(thread: int) -> None:
        for _ in range(ROUNDS // 2):
            step(thread)

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return THREADS * (ROUNDS // 2) / (time.perf_counter() - start)


def compare_rates(backend: PostgresBackend, bare: Bare) -> None:
    records = [make(number) for number in range(THREADS)]
    for record in records:
        backend.put(record)
        bare.put(record)
    steps: dict[str, tuple[Step, Step]] = {
        "get": (lambda n: backend.get("owner", records[n].task_id), lambda n: bare.get(records[n])),
        "put": (lambda n: backend.put(records[n]), lambda n: bare.put(records[n])),
    }
    for name, (ours, theirs) in steps.items():
        rates = [(rate(ours), rate(theirs)) for _ in range(7)]
        our, their = (statistics.median(side) for side in zip(*rates, strict=True))
        print(
            f"{THREADS} threads, {name}: {our:,.0f} a second, bare {their:,.0f}, "
            f"ratio of times {their / our:.2f}"
        )


def count_trips(url: str, schema: str) -> None:
    with psycopg.connect(url) as connection:
        address = connection.info.hostaddr, connection.info.port
    with FaultProxy(address) as proxy:
        host, port = proxy.address
        way = psycopg.conninfo.make_conninfo(
            url, host=host, hostaddr=host, port=port, sslmode="disable", gssencmode="disable"
        )
        with PostgresBackend.from_url(way, schema) as backend:
            backend.count_by_owner("owner")
            steps = backend_steps(backend, [make(0)])
            steps["count"] = lambda n: backend.count_by_owner("owner", live_at=NOW)
            steps["cleanup"] = lambda n: backend.cleanup_expired()
            counted = []
            for name, step in steps.items():
                proxy.inject(no_faults)
                step(0)
                counted.append(f"{name} {proxy.exchanges.count}")
    print(f"round trips: {', '.join(counted)}")


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    name = f"benchmark_{uuid4().hex}"
    for _ in create_missing(url, name):
        pass
    try:
        yield name
    finally:
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = sys.argv[1]
    opened: ConnectionPool[Any] = ConnectionPool(
        url, min_size=THREADS, open=True, kwargs={"autocommit": True, "prepare_threshold": None}
    )
    with own_schema(url) as schema, own_schema(url) as other, opened as pool:
        pool.wait()
        with PostgresBackend.from_url(url, schema, connections=THREADS) as backend:
            with pool.connection() as connection:
                version = connection.info.parameter_status("server_version")
            print(f"PostgreSQL {version}, psycopg {psycopg.__version__}, {ROUNDS} rounds")
            count_trips(url, schema)
            compare(backend, Bare(pool, other))
            compare_rates(backend, Bare(pool, other))


if __name__ == "__main__":
    main()
