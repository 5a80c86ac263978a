"""SqliteBackend beside the bare statements that it executes.

All sides use one layout, the same pragmas, the same statements and the same data, each in a file
of its own. "bare statements" encode and decode the same records by the same codec; "without JSON"
they move text only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import EXPIRES_AT, Side, backend_steps, compare, make_record
from pmcp_storage import SqliteBackend, TaskRecord, read_row
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.sqlite import statements
from pmcp_storage.backends.sqlite.file import open_file

LIMITS = {"bare statements": Limit(1.25)}


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    records = [make_record(number) for number in range(scale.rounds)]
    folder = engines.folder()
    with SqliteBackend(folder / "backend.db") as backend:
        sides = {
            "SqliteBackend": backend_steps(backend, records),
            "bare statements": _steps(Bare(folder / "coded.db", codec=True), records),
            "without JSON": _steps(Bare(folder / "bare.db", codec=False), records),
        }
        yield from compare(sides, LIMITS, scale.rounds)


class Bare:
    """The statements of the backend, executed by hand; with `codec`, JSON included."""

    def __init__(self, path: Path, codec: bool) -> None:
        self.db = open_file(str(path), 10.0)
        self.db.text_factory = str
        self.codec = codec
        self.data = make_record(0).to_json()

    def _values(self, record: TaskRecord, version: int) -> tuple[object, ...]:
        data = record.to_json() if self.codec else self.data
        expiry = epoch_microseconds(EXPIRES_AT)
        return (record.owner_id, record.task_id, "working", version, expiry, data)

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


def _steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.write(records[n], 1),
        "get": lambda n: bare.get("owner", records[n].task_id),
        "put_if_version": lambda n: bare.write(records[n], 2),
        "put": lambda n: bare.write(records[n], 3),
        "page of 50": lambda n: bare.page("owner"),
        "delete": lambda n: bare.delete("owner", records[n].task_id),
    }
