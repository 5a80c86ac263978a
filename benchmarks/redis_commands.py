"""What RedisBackend costs beside redis-py sending the same commands.

    python benchmarks/redis_commands.py redis://127.0.0.1:6379/15

Run it against a server that holds nothing else: it writes under a prefix of its own and deletes
that in the end. Both sides send the same scripts and commands with the same data and take turns.
"bare" moves text only; "bare + JSON" encodes and decodes records as well. Figures are medians, in
microseconds an operation.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import redis

from pmcp_storage import RedisBackend, Task, TaskRecord, TaskStatus, read_row
from pmcp_storage.backends.redis import scripts

ROUNDS = 400
NOW = datetime.now(UTC)
MANY = 100_000
Step = Callable[[int], object]


def make(number: int, owner_id: str = "owner") -> TaskRecord:
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
        owner_id=owner_id,
        request_method="tools/call",
        variables=variables,
        expires_at=NOW + timedelta(hours=1),
    )


class Bare:
    """The commands of a backend, sent by redis-py; with `codec`, JSON included."""

    def __init__(self, client: Any, backend: RedisBackend, codec: bool) -> None:
        self.client, self.backend, self.codec = client, backend, codec
        self.data = make(0).to_json().encode()

    def _keys(self, record: TaskRecord) -> tuple[bytes, ...]:
        owner_id = record.owner_id
        keys = self.backend.index_keys(owner_id)
        return (*keys, self.backend.record_key(owner_id, record.task_id))

    def write(self, record: TaskRecord, expected: bytes, version: bytes) -> None:
        data = record.to_json().encode() if self.codec else self.data
        write_id, task_id, owner_id = b"%032d" % 0, record.task_id.encode(), b"owner"
        fields: tuple[bytes, ...] = (
            b"owner_id",
            owner_id,
            b"task_id",
            task_id,
            b"status",
            b"working",
        )
        fields += (b"version", version, b"expires_at", b"2026-02-23T10:30:00.000001+00:00")
        fields += (b"write_id", write_id, b"data", data)
        expiry = b"%d" % ((NOW.timestamp() + 3600) * 1000)
        command = scripts.WRITE.command(
            self._keys(record), uuid4().hex.encode(), expected, task_id, expiry, *fields
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


def backend_steps(backend: RedisBackend, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: backend.create(records[n]),
        "get": lambda n: backend.get("owner", records[n].task_id),
        "put_if_version": lambda n: backend.put_if_version(records[n], 1),
        "page of 50": lambda n: backend.list_by_owner("owner", limit=50),
        "delete": lambda n: backend.delete("owner", records[n].task_id),
    }


def bare_steps(bare: Bare, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: bare.write(records[n], b"", b"1"),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.write(records[n], b"1", b"2"),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete(records[n]),
    }


def take_turns(steps: list[Step]) -> list[float]:
    """The median microseconds of each step, over ROUNDS rounds in changing order."""
    times: list[list[float]] = [[] for _ in steps]
    orders = itertools.cycle(itertools.permutations(range(len(steps))))
    for number, order in zip(range(ROUNDS), orders, strict=False):
        for index in order:
            start = time.perf_counter()
            steps[index](number)
            times[index].append((time.perf_counter() - start) * 1e6)
    return [statistics.median(each) for each in times]


def compare(url: str, client: Any, prefix: str) -> None:
    records = [make(number) for number in range(ROUNDS)]
    with (
        RedisBackend.from_url(url, f"{prefix}:backend") as backend,
        RedisBackend.from_url(url, f"{prefix}:bare") as bare,
        RedisBackend.from_url(url, f"{prefix}:coded") as coded,
    ):
        sides = [
            backend_steps(backend, records),
            bare_steps(Bare(client, bare, codec=False), records),
            bare_steps(Bare(client, coded, codec=True), records),
        ]
        print(f"{'':16}{'backend':>9}{'bare':>9}{'ratio':>7}{'bare + JSON':>13}{'ratio':>7}")
        for name in sides[0]:
            ours, plain, with_json = take_turns([side[name] for side in sides])
            print(
                f"{name:16}{ours:9.1f}{plain:9.1f}{ours / plain:7.2f}"
                f"{with_json:13.1f}{ours / with_json:7.2f}"
            )


def fill(backend: RedisBackend, client: Any, count: int, owner_id: str) -> None:
    """Records of one owner, written in bulk: how they came there is not measured."""
    ids, by_expiry = backend.index_keys(owner_id)
    for start in range(0, count, 1000):
        pipeline = client.pipeline(transaction=False)
        for number in range(start, start + 1000):
            record = make(number, owner_id)
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
            lambda n: backend.list_by_owner("few", limit=50, after=make(500).task_id),
            lambda n: backend.list_by_owner("many", limit=50, after=make(MANY // 2).task_id),
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
