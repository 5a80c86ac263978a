"""RedisBackend beside redis-py sending the same scripts and commands with the same data.

"redis-py" encodes and decodes the same records by the same codec; "without JSON" it moves text
only. `put` is a read and a conditional write on either side. The server syncs every write
(`appendfsync always`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import redis

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Side, backend_steps, compare, make_record
from pmcp_storage import RedisBackend, TaskRecord, read_row
from pmcp_storage.backends.redis import hashes, scripts

LIMITS = {"redis-py": Limit(1.15)}


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    url = f"{engines.redis()}/0"
    records = [make_record(number) for number in range(scale.rounds)]
    with (
        redis.Redis.from_url(url) as client,
        RedisBackend.from_url(url, "backend") as backend,
        RedisBackend.from_url(url, "bare") as bare,
        RedisBackend.from_url(url, "coded") as coded,
    ):
        sides = {
            "RedisBackend": backend_steps(backend, records),
            "redis-py": _steps(Bare(client, coded, codec=True), records),
            "without JSON": _steps(Bare(client, bare, codec=False), records),
        }
        yield from compare(sides, LIMITS, scale.rounds)


class Bare:
    """The commands of a backend, sent by redis-py; with `codec`, JSON included."""

    def __init__(self, client: Any, backend: RedisBackend, codec: bool) -> None:
        self.client, self.backend, self.codec = client, backend, codec
        self.data = make_record(0).to_json()

    def _keys(self, record: TaskRecord) -> tuple[bytes, ...]:
        owner_id = record.owner_id
        keys = self.backend.index_keys(owner_id)
        return (*keys, self.backend.record_key(owner_id, record.task_id))

    def write(self, record: TaskRecord, expected: bytes, version: int) -> None:
        write_id, expires_at = uuid4().hex, record.expires_at
        assert expires_at is not None
        fields = {
            "owner_id": record.owner_id,
            "task_id": record.task_id,
            "status": record.status.value,
            "version": str(version),
            "expires_at": expires_at.isoformat(),
            "write_id": write_id,
            "data": record.to_json() if self.codec else self.data,
        }
        expiry = b"%d" % hashes.milliseconds(expires_at)
        pairs = (text.encode() for text in itertools.chain.from_iterable(fields.items()))
        command = scripts.WRITE.command(
            self._keys(record), write_id.encode(), expected, record.task_id.encode(), expiry, *pairs
        )
        self.client.execute_command(*command)

    def put(self, record: TaskRecord) -> None:
        version = self.get(record)
        self.write(record, b"%d" % version, version + 1)

    def get(self, record: TaskRecord) -> int:
        version, data = self.client.hmget(self._keys(record)[2], "version", "data")
        if self.codec:
            read_row(record.owner_id, record.task_id, data.decode(), int(version))
        return int(version)

    def delete(self, record: TaskRecord) -> None:
        command = scripts.DELETE.command(self._keys(record), record.task_id.encode())
        self.client.execute_command(*command)

    def page(self, owner_id: str) -> None:
        keys = self.backend.index_keys(owner_id)
        ids = self.client.execute_command(*scripts.LIST.command(keys, b"+", b"50"))
        pipeline = self.client.pipeline(transaction=False)
        for task_id in ids:
            key = self.backend.record_key(owner_id, task_id.decode())
            pipeline.hmget(key, "version", "data")
        for task_id, (version, data) in zip(ids, pipeline.execute(), strict=True):
            if self.codec:
                read_row(owner_id, task_id.decode(), data.decode(), int(version))


def _steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.write(records[n], b"", 1),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.write(records[n], b"1", 2),
        "put": lambda n: bare.put(records[n]),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete(records[n]),
    }
