"""Mutants of DUR-2."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from mutants.files import Files, FileStorage, InPlace, parsed, written
from mutants.postgres import PgBackend, conflict, values
from mutants.redis_target import ExpiringAfterwards
from mutants.rules_dur.compacting import CompactingInPlace, RemovingTheLog
from mutants.rules_dur.log import LogStorage, LogTarget
from mutants.rules_dur.rewriting import RewritesWhenClosed, Rewriting, RewritingAtOpening
from mutants.rules_dur.support import Buffered, DurableTarget
from mutants.sqlite import SqliteRows
from pmcp_storage import BackendError, TaskRecord
from pmcp_storage.backends.memory import Key, Row


class WrittenLater(Buffered):
    """Writes what has been acknowledged for three milliseconds."""

    written_at = 0.0

    def due(self) -> bool:
        now = time.monotonic()
        if now - self.written_at < 0.003:
            return False
        self.written_at = now
        return True


class WritesBehind(DurableTarget):
    """breaks DUR-2: a write is acknowledged at once and written some milliseconds later."""

    storage = WrittenLater


class WrittenByBytes(Buffered):
    """Leaves it to a buffer of 8 KB when to write."""

    def due(self) -> bool:
        return sum(len(row.data) for row in self.rows.pending.values() if row) > 8_192


class LogStaysUnflushed(DurableTarget):
    """breaks DUR-2: writes go through the buffer of a file object, which nobody flushes before the
    acknowledgement.
    """

    storage = WrittenByBytes


class CommitForgotten(DurableTarget):
    """breaks DUR-2: a handle's writes are one transaction that is never committed: the handle
    itself sees them, and after a kill they are gone.
    """

    storage = Buffered


class OneFile(Files):
    """All rows in one file."""

    def everything(self) -> Iterator[tuple[Key, Row]]:
        try:
            text = (self.folder / "store").read_text()
        except FileNotFoundError:
            return
        try:
            yield from map(parsed, json.loads(text))
        except ValueError as error:
            raise BackendError("the store is damaged") from error

    def __contains__(self, key: object) -> bool:
        return key in dict(self.everything())

    def get(self, key: Key, default: Any = None) -> Any:
        return dict(self.everything()).get(key, default)

    def of(self, owner_id: str) -> list[tuple[Key, Row]]:
        return sorted(
            (entry for entry in self.everything() if entry[0][0] == owner_id), reverse=True
        )


class OneFileStorage(FileStorage):
    """Truncates and rewrites its file with every write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = OneFile(folder)

    def write(self, key: Key, row: Row) -> None:
        self.dump({**dict(self.rows.everything()), key: row})

    def remove(self, key: Key) -> bool:
        rows = dict(self.rows.everything())
        found = rows.pop(key, None) is not None
        self.dump(rows)
        return found

    def dump(self, rows: dict[Key, Row]) -> None:
        with (self.folder / "store").open("w") as file:
            json.dump([written(key, row) for key, row in rows.items()], file)


class RewritesTheStore(DurableTarget):
    """breaks DUR-2: every write truncates the one file of the store and writes it anew."""

    storage = OneFileStorage


class RewritesTheFile(DurableTarget):
    """breaks DUR-2: a record's file is truncated and written instead of being replaced."""

    storage = InPlace


class TwoFiles(Files):
    """Rows whose version stands in a file of its own."""

    def get(self, key: Key, default: Any = None) -> Any:
        row = super().get(key)
        if row is None:
            return default
        return row._replace(version=int(self.path(key).with_suffix(".version").read_text()))


class TwoFilesStorage(FileStorage):
    """Replaces the record's file, then the version's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = TwoFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        version = self.rows.path(key).with_suffix(".version")
        if not version.exists():
            version.parent.mkdir(exist_ok=True)
            self.replace(version, "1")
        super().write(key, row)
        self.replace(version, str(row.version))


class RecordThenVersion(DurableTarget):
    """breaks DUR-2: record and version are stored one after the other, without a transaction: a
    kill leaves the new record at the old version.
    """

    storage = TwoFilesStorage


class EnlistedAfterwards(FileStorage):
    """Lists what has an entry, which a creation makes once the record is there."""

    def entry(self, key: Key) -> Path:
        return self.rows.path(key).with_suffix(".entry")  # type: ignore[no-any-return]

    def write(self, key: Key, row: Row) -> None:
        is_new = key not in self.rows
        super().write(key, row)
        if is_new:
            self.entry(key).touch()

    def remove(self, key: Key) -> bool:
        found = super().remove(key)
        self.entry(key).unlink(missing_ok=True)
        return found

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, sys.maxsize, after)
        return [entry for entry in found if self.entry((owner_id, entry[0])).exists()][:limit]


class RecordThenEntry(DurableTarget):
    """breaks DUR-2: a creation writes the record and then its entry in the index, without a
    transaction: a kill in between hides the record from listings for ever.
    """

    storage = EnlistedAfterwards


class ReplacesInTwoTransactions(PgBackend):
    """breaks DUR-2: a record is replaced by a DELETE and an INSERT, each committed by itself."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        found = self._get(record.owner_id, record.task_id).version
        if found != expected_version:
            raise conflict(record, expected_version, found)
        self._delete(record.owner_id, record.task_id)
        insert = self.insert.replace("{row}", self.row.replace("1", "%(next)s"))
        self.write(insert, **values(record), next=expected_version + 1)
        return expected_version + 1


class ExpiryFileStorage(FileStorage):
    """A record's expiry, by which the cleanup goes, stands in a file of its own."""

    def expiry(self, key: Key) -> Path:
        return self.rows.path(key).with_suffix(".expiry")  # type: ignore[no-any-return]

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        self.expiry(key).write_text(row.expires_at.isoformat() if row.expires_at else "")

    def remove(self, key: Key) -> bool:
        self.expiry(key).unlink(missing_ok=True)
        return super().remove(key)

    def remove_expired(self, now: datetime) -> int:
        expiries = [(key, self.expiry(key)) for key, _ in self.rows.everything()]
        texts = [(key, file.read_text()) for key, file in expiries if file.exists()]
        expired = [key for key, text in texts if text and datetime.fromisoformat(text) <= now]
        return sum(self.remove(key) for key in expired)


class ExpiryInItsOwnFile(DurableTarget):
    """breaks DUR-2: the record and its expiry are written to two files: a kill in between leaves
    the new record with the old one's expiry, or with none.
    """

    storage = ExpiryFileStorage


class SetsTheExpiryAfterwards(ExpiringAfterwards):
    """breaks DUR-2: the expiry is set by a second command, and a client that is killed in between
    leaves a record for ever.
    """


class RecoveryIsNotAtomic(DurableTarget):
    """breaks DUR-2: opening repairs what was written last, in place: a process that is killed in
    its recovery leaves half a record.
    """

    storage = RewritingAtOpening


class ClosingIsNotAtomic(DurableTarget):
    """breaks DUR-2: closing compacts what was written last, in place: a process that is killed
    while it closes its handle leaves half a record.
    """

    storage = Rewriting
    backend = RewritesWhenClosed


class Gluing(LogStorage):
    """Leaves the rest of a line where it is, and skips what it cannot read."""

    def replay(self, text: bytes) -> None:
        whole, _, rest = text.rpartition(b"\n")
        for line in whole.splitlines():
            with suppress(ValueError):
                self.apply(line)
        self.end += len(text) - len(rest)


class GluesTheNextLine(LogTarget):
    """breaks DUR-2: a writer that is killed amid a large record leaves half a line, the next one
    adds its own to it, and who replays the log takes both for damaged.
    """

    log_storage = Gluing


class CompactsInPlace(LogTarget):
    """breaks DUR-2: when the log has become long it is emptied and written anew, and a process that
    is killed meanwhile takes along what others have stored.
    """

    log_storage = CompactingInPlace


class RemovesTheLogFirst(LogTarget):
    """breaks DUR-2: a compacted log takes the place of a log that has been removed before, and
    between the two there is nothing.
    """

    log_storage = RemovingTheLog


class NoJournal(SqliteRows):
    """breaks DUR-2: SQLite keeps no journal, and a kill amid the pages of a record leaves a file
    that is neither the old nor the new one.
    """

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with super().connection() as db:
            db.execute("PRAGMA journal_mode = OFF")
            yield db
