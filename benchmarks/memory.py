"""InMemoryBackend beside a dict with a lock and JSON.

The dict knows no versions, no order of an owner's tasks and no expiry: it is the least that a
storage in memory can cost, and no limit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Side, backend_steps, compare, make_record
from pmcp_storage import InMemoryBackend, TaskRecord

CALLS = 10


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    records = [make_record(number) for number in range(scale.rounds * CALLS)]
    sides = {
        "InMemoryBackend": backend_steps(InMemoryBackend(), records),
        "dict, lock and JSON": _dict_steps(records),
    }
    yield from compare(sides, {}, scale.rounds, CALLS)


def _dict_steps(records: list[TaskRecord]) -> Side:
    lock, texts = threading.Lock(), dict[tuple[str, str], str]()

    def write(record: TaskRecord) -> None:
        text = record.to_json()
        with lock:
            texts[record.owner_id, record.task_id] = text

    def read(record: TaskRecord) -> TaskRecord:
        with lock:
            text = texts[record.owner_id, record.task_id]
        return TaskRecord.from_json(text)

    def delete(record: TaskRecord) -> None:
        with lock:
            del texts[record.owner_id, record.task_id]

    return {
        "create": lambda n: write(records[n]),
        "get": lambda n: read(records[n]),
        "put_if_version": lambda n: write(records[n]),
        "put": lambda n: write(records[n]),
        "page of 50": lambda n: [read(record) for record in records[-50:]],
        "delete": lambda n: delete(records[n]),
    }
