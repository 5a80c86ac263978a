"""Mutants of EXP-5."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mutants.base import Seamed, key_of
from mutants.rules_exp.support import Cleaning
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.memory import Key, Row


class CleanupAhead(Cleaning):
    """breaks EXP-5: cleanup removes what expires within ten minutes, to save the next run."""

    def due(self, now: datetime) -> Iterable[Key]:
        return super().due(now + timedelta(minutes=10))


class CleanupOf32Bits(Cleaning):
    """breaks EXP-5: an expiry after 2038 is negative in 32 bits, and so has passed."""

    def due(self, now: datetime) -> Iterable[Key]:
        end = datetime(2038, 1, 19, tzinfo=UTC)
        far = [key for key, row in self.rows.items() if row.expires_at and row.expires_at > end]
        return [*super().due(now), *far]


class CleanupOfWholeOwners(Cleaning):
    """breaks EXP-5: an owner with an expired record loses all of its records, as where the expiry
    belongs to the hash that holds them.
    """

    def due(self, now: datetime) -> Iterable[Key]:
        owners = {key[0] for key in super().due(now)}
        return [key for key in self.rows if key[0] in owners]


class CleanupByVersion(MemoryStorage):
    """breaks EXP-5: the index of expiries holds keys and versions, and a delete leaves its entry
    there: a record created again at that version is removed for the expiry of the former one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._entries: set[tuple[datetime, Key, int]] = set()

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        if row.expires_at is not None:
            self._entries.add((row.expires_at, key, row.version))

    def remove_expired(self, now: datetime) -> int:
        due = sorted(entry for entry in self._entries if entry[0] <= now)
        self._entries.difference_update(due)
        rows = self.rows
        return sum(
            self.remove(key) for _, key, version in due if key in rows and rows[key][1] == version
        )


class MicrosecondsAsText(SqliteRows):
    """breaks EXP-5: microseconds since 1970 are compared as text: after 2286 they have a digit more
    and begin with 1.
    """

    layout = SqliteRows.layout.replace("expires_at INTEGER", "expires_at TEXT")

    def instant(self, at: datetime) -> str:
        return str(epoch_microseconds(at))


class CleansUpByTheTtl(SqliteRows):
    """breaks EXP-5: cleanup goes by the task's creation and its ttl, which the task shows to its
    requestor, and not by the record's expiry.
    """

    cleanup = (
        SqliteRows.cleanup
        + """ OR julianday(json_extract(data, '$.task.createdAt'))
            + json_extract(data, '$.task.ttl') / 86400000.0 < julianday('now')"""
    )


class PutOnExpiredIsForgotten(MemoryStorage):
    """breaks EXP-5: what replaces an expired record by put is removed by the next cleanup, for
    which the former one was marked already.
    """

    def __init__(self) -> None:
        super().__init__()
        self.marked: set[Key] = set()

    def write(self, key: Key, row: Row) -> None:
        former = self.rows.get(key)
        if former and former.expires_at and former.expires_at <= datetime.now(UTC):
            self.marked.add(key)
        super().write(key, row)

    def remove(self, key: Key) -> bool:
        self.marked.discard(key)
        return super().remove(key)

    def remove_expired(self, now: datetime) -> int:
        return super().remove_expired(now) + sum(self.remove(key) for key in list(self.marked))


class CleanupRemovesSharedContents(MemoryStorage):
    """breaks EXP-5: cleanup removes contents that a living record shares."""

    def remove_expired(self, now: datetime) -> int:
        due = [row for row in self.rows.values() if row.expires_at and row.expires_at <= now]
        gone = [json.loads(row.data)["variables"] for row in due]
        removed = super().remove_expired(now)
        for key, row in list(self.rows.items()):
            fields = json.loads(row.data)
            if fields["variables"] in gone:
                self.write(key, row._replace(data=json.dumps({**fields, "variables": {}})))
        return removed


class SwapOnExpiredIsForgotten(Seamed):
    """breaks EXP-5: a swap of a record that has expired leaves its stored expiry, and the next
    cleanup removes the new one.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        late = self.expired(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if late and row is not None:
            self.overwrite(key_of(record), expires_at=row.expires_at)
        return version


class CleanupByPrefix(Cleaning):
    """breaks EXP-5: cleanup removes all whose ids begin with that of an expired record, as where a
    task is a folder or several keys.
    """

    def due(self, now: datetime) -> Iterable[Key]:
        gone = list(super().due(now))
        return [
            (owner, task)
            for owner, task in self.rows
            if any(owner == other and task.startswith(prefix) for other, prefix in gone)
        ]
