"""What SqliteBackend costs beside the bare statements that it executes.

    python -m benchmarks.sqlite [folder]

All sides use one layout, the same pragmas, the same statements and the same data, each in a file
of its own in `folder` (default: a temporary one). "bare" moves text only; "bare + JSON" encodes and
decodes records as well. Figures are medians, in microseconds an operation.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

from benchmarks.side_by_side import (
    EXPIRES_AT,
    ROUNDS,
    Side,
    Step,
    backend_steps,
    make_record,
    print_table,
    take_turns,
)

from pmcp_storage import SqliteBackend, TaskRecord, read_row
from pmcp_storage.backends.sqlite import statements
from pmcp_storage.backends.sqlite.file import open_file

EXPIRY = round(EXPIRES_AT.timestamp() * 1_000_000)


class Bare:
    """The statements of the backend, executed by hand; with `codec`, JSON included."""

    def __init__(self, path: Path, codec: bool) -> None:
        self.db = open_file(str(path), 10.0)
        self.db.text_factory = str
        self.codec = codec
        self.data = make_record(0).to_json()

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


def bare_steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.write(records[n], 1),
        "get": lambda n: bare.get("owner", records[n].task_id),
        "put_if_version": lambda n: bare.write(records[n], 2),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete("owner", records[n].task_id),
        "put": lambda n: bare.write(records[n], 1),
    }


def compare(folder: Path) -> None:
    records = [make_record(number) for number in range(ROUNDS)]
    bare, coded = Bare(folder / "bare.db", codec=False), Bare(folder / "coded.db", codec=True)
    with SqliteBackend(folder / "backend.db") as backend:
        steps = {**backend_steps(backend, records), "put": lambda n: backend.put(records[n])}
        print_table(steps, bare_steps(bare, records), bare_steps(coded, records))


def fill(path: Path, count: int) -> None:
    """Rows of one owner, written in bulk: how they came there is not measured."""
    db = open_file(str(path), 10.0)
    with db:
        db.execute("BEGIN IMMEDIATE")
        for number in range(count):
            record = make_record(number)
            row = (record.owner_id, record.task_id, "working", 1, EXPIRY, record.to_json())
            db.execute(statements.WRITE, row)
    db.close()


def compare_sizes(folder: Path) -> None:
    paths = {count: folder / f"{count}.db" for count in (1_000, 100_000)}
    for count, path in paths.items():
        fill(path, count)
    with SqliteBackend(paths[1_000]) as small, SqliteBackend(paths[100_000]) as large:

        def middle(backend: SqliteBackend, count: int) -> Step:
            after = make_record(count // 2).task_id
            return lambda n: backend.list_by_owner("owner", limit=50, after=after)

        few, many = take_turns([middle(small, 1_000), middle(large, 100_000)])
    print(f"page of 50 from the middle of 1,000 records {few:.0f}, of 100,000 {many:.0f}, ", end="")
    print(f"ratio {many / few:.2f}")


def main() -> None:
    size = len(make_record(0).to_json())
    print(f"SQLite {sqlite3.sqlite_version}, {ROUNDS} rounds, {size} bytes JSON")
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        compare(Path(folder))
        compare_sizes(Path(folder))


if __name__ == "__main__":
    main()
