"""Empty storages of every kind, and a way to fill them that is not measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.engines import Engines
from pmcp_storage import (
    DynamoDbBackend,
    InMemoryBackend,
    MemoryStorage,
    PostgresBackend,
    RedisBackend,
    SqliteBackend,
    StorageBackend,
    TaskRecord,
)
from pmcp_storage.backends.instants import epoch_microseconds

BATCH = 1_000


class Storage(Protocol):
    """Where backends of one kind keep their records."""

    removes_by_itself: bool
    """Whether expired records need no cleanup."""

    def open(self, space: int) -> StorageBackend:
        """A handle on the empty storage of that number."""

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        """Put new records there, at version 1."""


class Memory:
    removes_by_itself = False

    def __init__(self, engines: Engines) -> None:
        self._spaces: dict[int, MemoryStorage] = {}

    def open(self, space: int) -> StorageBackend:
        return InMemoryBackend(self._spaces.setdefault(space, MemoryStorage()))

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        backend = self.open(space)
        for record in records:
            backend.create(record)


@dataclass
class Sqlite:
    engines: Engines
    removes_by_itself = False

    def __post_init__(self) -> None:
        self._folder = self.engines.folder()

    def open(self, space: int) -> StorageBackend:
        return SqliteBackend(self._folder / f"{space}.db")

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        from pmcp_storage.backends.sqlite import statements
        from pmcp_storage.backends.sqlite.file import open_file

        with closing(open_file(str(self._folder / f"{space}.db"), 10.0)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(statements.WRITE, map(_sqlite_row, records))
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sqlite_row(record: TaskRecord) -> tuple[object, ...]:
    assert record.expires_at is not None
    expiry = epoch_microseconds(record.expires_at)
    key = record.owner_id, record.task_id
    return (*key, record.status.value, 1, expiry, record.to_json())


class Redis:
    removes_by_itself = True

    def __init__(self, engines: Engines) -> None:
        self._url = engines.redis()
        self._spaces: dict[int, RedisBackend] = {}

    def open(self, space: int) -> StorageBackend:
        return self._open(space)

    def _open(self, space: int) -> RedisBackend:
        # Redis has 16 databases; the first one is that of others.
        return RedisBackend.from_url(f"{self._url}/{space + 1}", "growth")

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        import redis

        url = f"{self._url}/{space + 1}"
        with self._open(space) as backend, redis.Redis.from_url(url) as client:
            for some in _batches(records):
                pipeline = client.pipeline(transaction=False)
                for record in some:
                    _add(pipeline, backend, record)
                pipeline.execute()


def _add(pipeline: Any, backend: RedisBackend, record: TaskRecord) -> None:
    from pmcp_storage.backends.redis import hashes

    assert record.expires_at is not None
    at = hashes.milliseconds(record.expires_at)
    ids, expiry = backend.index_keys(record.owner_id)
    key = backend.record_key(record.owner_id, record.task_id)
    pipeline.hset(key, mapping=hashes.encode(record, 1, "0" * 32))
    pipeline.pexpireat(key, at)
    pipeline.zadd(ids, {record.task_id: 0})
    pipeline.zadd(expiry, {record.task_id: at})


class Postgres:
    removes_by_itself = False

    def __init__(self, engines: Engines) -> None:
        self._url = engines.postgres()

    def open(self, space: int) -> StorageBackend:
        from pmcp_storage.backends.postgres.creation import create_missing

        schema = f"growth_{space}"
        for _ in create_missing(self._url, schema):
            pass
        return PostgresBackend.from_url(self._url, schema, connections=8)

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        import psycopg

        columns = "owner_id, task_id, status, version, expires_at, write_id, data"
        table = f"growth_{space}.tasks"
        with psycopg.connect(self._url) as connection:
            statement = f"COPY {table} ({columns}) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for record in records:
                    copy.write_row(_postgres_row(record))
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"VACUUM ANALYZE {table}".encode())


def _postgres_row(record: TaskRecord) -> tuple[object, ...]:
    key = record.owner_id, record.task_id
    written = "00000000-0000-0000-0000-000000000000"
    return (*key, record.status.value, 1, record.expires_at, written, record.to_json())


class DynamoDb:
    removes_by_itself = True

    def __init__(self, engines: Engines) -> None:
        from pmcp_storage.backends.dynamodb import client_from_env

        engines.dynamodb()
        self._client: Any = client_from_env()
        self._spaces = set[int]()

    def open(self, space: int) -> StorageBackend:
        from pmcp_storage.backends.dynamodb import table_definition

        if space not in self._spaces:
            self._client.create_table(**table_definition(f"growth_{space}"))
            self._spaces.add(space)
        return DynamoDbBackend.from_env(f"growth_{space}")

    def fill(self, space: int, records: Iterable[TaskRecord]) -> None:
        from pmcp_storage.backends.dynamodb import items

        table = f"growth_{space}"
        for some in _batches(records, 25):
            puts = [{"PutRequest": {"Item": items.encode(record, 1)}} for record in some]
            self._client.batch_write_item(RequestItems={table: puts})


def _batches(records: Iterable[TaskRecord], size: int = BATCH) -> Iterator[list[TaskRecord]]:
    rest = iter(records)
    while some := list(itertools.islice(rest, size)):
        yield some


STORAGES: Mapping[str, type[Memory | Sqlite | Redis | Postgres | DynamoDb]] = {
    "memory": Memory,
    "SQLite": Sqlite,
    "Redis": Redis,
    "PostgreSQL": Postgres,
    "DynamoDB": DynamoDb,
}
