"""What SqliteBackend costs beside the bare statements that it executes.

    python benchmarks/sqlite.py [folder]

Both sides use one layout, the same pragmas, the same statements and the same data, each in a file
of its own in `folder` (default: a temporary one), and take turns, so that the disk's moods meet
both. "rows" counts the backend without its JSON: records are encoded and decoded for nothing on
the bare side too. "bare" moves text only. Figures are medians, in microseconds an operation.
"""

from __future__ import annotations

import itertools
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pmcp_storage import SqliteBackend, Task, TaskRecord, TaskStatus, read_row
from pmcp_storage.backends.sqlite import statements
from pmcp_storage.backends.sqlite.file import open_file

ROUNDS = 400
NOW = datetime(2026, 2, 23, 10, 30, tzinfo=UTC)
EXPIRY = 1_771_842_600_000_000


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
        expires_at=NOW,
    )


class Bare:
    """The statements of the backend, executed by hand; with `codec`, JSON included."""

    def __init__(self, path: Path, codec: bool) -> None:
        self.db = open_file(str(path), 10.0)
        self.db.text_factory = str
        self.codec = codec
        self.data = make(0).to_json()

    def _values(self, record: TaskRecord, version: int) -> tuple[object, ...]:
        data = record.to_json() if self.codec else self.data
        return (record.owner_id, record.task_id, "working", version, EXPIRY, data)

    def _read(self, owner_id: str, task_id: str, version: int, data: str) -> None:
        if self.codec:
            read_row(owner_id, task_id, data, version)

    def get(self, owner_id: str, task_id: str) -> None:
        row = self.db.execute(statements.GET, (owner_id, task_id)).fetchone()
        self._read(owner_id, task_id, *row)

    def write(self, record: TaskRecord, version: int) -> None:
        values = self._values(record, version)
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute(statements.VERSION, values[:2]).fetchone()
        self.db.execute(statements.WRITE, values)
        self.db.execute("COMMIT")

    def delete(self, owner_id: str, task_id: str) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute(statements.DELETE, (owner_id, task_id))
        self.db.execute("COMMIT")

    def page(self, owner_id: str) -> None:
        for row in self.db.execute(statements.PAGE, (owner_id, b"", 50)).fetchall():
            self._read(owner_id, *row)


Step = Callable[[int], object]


def backend_steps(backend: SqliteBackend, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: backend.create(records[n]),
        "get": lambda n: backend.get("owner", records[n].task_id),
        "put_if_version": lambda n: backend.put_if_version(records[n], 1),
        "put": lambda n: backend.put(records[n]),
        "page of 50": lambda n: backend.list_by_owner("owner", limit=50),
        "delete": lambda n: backend.delete("owner", records[n].task_id),
    }


def bare_steps(bare: Bare, records: list[TaskRecord]) -> dict[str, Step]:
    return {
        "create": lambda n: bare.write(records[n], 1),
        "get": lambda n: bare.get("owner", records[n].task_id),
        "put_if_version": lambda n: bare.write(records[n], 2),
        "put": lambda n: bare.write(records[n], 3),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete("owner", records[n].task_id),
    }


def compare(folder: Path) -> None:
    records = [make(number) for number in range(ROUNDS)]
    bare, coded = Bare(folder / "bare.db", codec=False), Bare(folder / "coded.db", codec=True)
    with SqliteBackend(folder / "backend.db") as backend:
        sides = [
            backend_steps(backend, records),
            bare_steps(bare, records),
            bare_steps(coded, records),
        ]
        print(f"{'':16}{'backend':>9}{'bare':>9}{'ratio':>7}{'bare + JSON':>13}{'ratio':>7}")
        for name in sides[0]:
            ours, plain, with_json = take_turns([side[name] for side in sides])
            print(
                f"{name:16}{ours:9.1f}{plain:9.1f}{ours / plain:7.2f}"
                f"{with_json:13.1f}{ours / with_json:7.2f}"
            )


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


def fill(path: Path, count: int) -> None:
    """Rows of one owner, written in bulk: how they came there is not measured."""
    db = open_file(str(path), 10.0)
    with db:
        db.execute("BEGIN IMMEDIATE")
        for number in range(count):
            record = make(number)
            row = (record.owner_id, record.task_id, "working", 1, EXPIRY, record.to_json())
            db.execute(statements.WRITE, row)
    db.close()


def compare_sizes(folder: Path) -> None:
    paths = {count: folder / f"{count}.db" for count in (1_000, 100_000)}
    for count, path in paths.items():
        fill(path, count)
    with SqliteBackend(paths[1_000]) as small, SqliteBackend(paths[100_000]) as large:

        def middle(backend: SqliteBackend, count: int) -> Step:
            after = make(count // 2).task_id
            return lambda n: backend.list_by_owner("owner", limit=50, after=after)

        few, many = take_turns([middle(small, 1_000), middle(large, 100_000)])
    print(f"page of 50 from the middle of 1,000 records {few:.0f}, of 100,000 {many:.0f}, ", end="")
    print(f"ratio {many / few:.2f}")


def main() -> None:
    print(f"SQLite {sqlite3.sqlite_version}, {ROUNDS} rounds, {len(make(0).to_json())} bytes JSON")
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        compare(Path(folder))
        compare_sizes(Path(folder))


if __name__ == "__main__":
    main()
