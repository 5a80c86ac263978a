"""What RedisBackend costs beside redis-py sending the same commands.

    python -m benchmarks.redis_commands redis://127.0.0.1:6379/15

Run it against a server that holds nothing else: it writes under a prefix of its own and deletes
that at the end. All sides send the same scripts and commands with the same data. "bare" moves text
only; "bare + JSON" encodes and decodes records as well. Figures are medians, in microseconds an
operation.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any
from uuid import uuid4

import redis
from benchmarks.side_by_side import (
    EXPIRES_AT,
    NOW,
    ROUNDS,
    Side,
    Step,
    backend_steps,
    make_record,
    print_table,
    take_turns,
)

from pmcp_storage import RedisBackend, TaskRecord, read_row
from pmcp_storage.backends.redis import scripts

MANY = 100_000


class Bare:
    """The commands of a backend, sent by redis-py; with `codec`, JSON included."""

    def __init__(self, client: Any, backend: RedisBackend, codec: bool) -> None:
        self.client, self.backend, self.codec = client, backend, codec
        self.data = make_record(0).to_json().encode()

    def _keys(self, record: TaskRecord) -> tuple[bytes, ...]:
        owner_id = record.owner_id
        keys = self.backend.index_keys(owner_id)
        return (*keys, self.backend.record_key(owner_id, record.task_id))

    def write(self, record: TaskRecord, expected: bytes, version: bytes) -> None:
        data = record.to_json().encode() if self.codec else self.data
        task_id = record.task_id.encode()
        fields = {
            b"owner_id": b"owner",
            b"task_id": task_id,
            b"status": b"working",
            b"version": version,
            b"expires_at": b"2026-02-23T10:30:00.000001+00:00",
            b"write_id": b"%032d" % 0,
            b"data": data,
        }
        expiry = b"%d" % (EXPIRES_AT.timestamp() * 1000)
        pairs = itertools.chain.from_iterable(fields.items())
        command = scripts.WRITE.command(
            self._keys(record), uuid4().hex.encode(), expected, task_id, expiry, *pairs
        )
        self.client.execute_command(*command)

    def get(self, record: TaskRecord) -> None:
        version, data = self.client.hmget(self._keys(record)[2], "version", "data")
        if self.codec:
            read_row(record.owner_id, record.task_id, data.decode(), int(version))

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


def bare_steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.write(records[n], b"", b"1"),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.write(records[n], b"1", b"2"),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete(records[n]),
    }


def compare(url: str, client: Any, prefix: str) -> None:
    records = [make_record(number) for number in range(ROUNDS)]
    with (
        RedisBackend.from_url(url, f"{prefix}:backend") as backend,
        RedisBackend.from_url(url, f"{prefix}:bare") as bare,
        RedisBackend.from_url(url, f"{prefix}:coded") as coded,
    ):
        print_table(
            backend_steps(backend, records),
            bare_steps(Bare(client, bare, codec=False), records),
            bare_steps(Bare(client, coded, codec=True), records),
        )


def fill(backend: RedisBackend, client: Any, count: int, owner_id: str) -> None:
    """Records of one owner, written in bulk: how they came there is not measured."""
    ids, by_expiry = backend.index_keys(owner_id)
    for start in range(0, count, 1000):
        pipeline = client.pipeline(transaction=False)
        for number in range(start, start + 1000):
            record = make_record(number, owner_id)
            fields = {"version": "1", "data": record.to_json()}
            pipeline.hset(backend.record_key(owner_id, record.task_id), mapping=fields)
            pipeline.zadd(ids, {record.task_id: 0})
            pipeline.zadd(by_expiry, {record.task_id: "+inf"})
        pipeline.execute()


def compare_sizes(url: str, client: Any, prefix: str) -> None:
    with RedisBackend.from_url(url, f"{prefix}:sizes") as backend:
        fill(backend, client, 1_000, "few")
        fill(backend, client, MANY, "many")
        pages: list[Step] = [
            lambda n: backend.list_by_owner("few", limit=50, after=make_record(500).task_id),
            lambda n: backend.list_by_owner("many", limit=50, after=make_record(MANY // 2).task_id),
        ]
        few, many = take_turns(pages)
        print(f"page of 50 from the middle of 1,000 records {few:.0f}, of {MANY:,} {many:.0f}")
        counts: list[Step] = [
            lambda n: backend.count_by_owner("few", live_at=NOW),
            lambda n: backend.count_by_owner("many", live_at=NOW),
        ]
        few, many = take_turns(counts)
        print(f"count of 1,000 records {few:.0f}, of {MANY:,} {many:.0f}")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url, prefix = sys.argv[1], f"benchmark:{uuid4().hex}"
    with redis.Redis.from_url(url) as client:
        version = client.info("server")["redis_version"]
        print(f"Redis {version}, redis-py {redis.__version__}, {ROUNDS} rounds")
        try:
            compare(url, client, prefix)
            compare_sizes(url, client, prefix)
        finally:
            for key in client.scan_iter(f"{prefix}:*", count=10_000):
                client.unlink(key)


if __name__ == "__main__":
    main()
