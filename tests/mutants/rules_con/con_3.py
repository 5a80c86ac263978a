"""Mutants of CON-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend, values
from mutants.rules_con.support import HalfLocked
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class PutReadsThenWrites(HalfLocked):
    """breaks CON-3: put reads the version and writes it plus 1 in a second step."""

    def _put(self, record: TaskRecord) -> int:
        return self.store(key_of(record), record, self.version(key_of(record)) + 1)


class PutCountsInOneLine(Seamed):
    """breaks CON-3: put increments the stored version in one line and without the lock, as if a
    line of Python were atomic.
    """

    def _put(self, record: TaskRecord) -> int:
        key, rows, data = key_of(record), self._storage.rows, record.to_json()
        if key not in rows:
            return super()._put(record)
        rows[key] = row = Row(data, rows[key].version + 1, record.expires_at)
        return row.version


class PutTellsTheLatestVersion(Seamed):
    """breaks CON-3: put writes in one step and reads the version that it returns in another, by
    when it can be another write's.
    """

    def _put(self, record: TaskRecord) -> int:
        super()._put(record)
        return self.version(key_of(record))


class PutWastesVersions(HalfLocked):
    """breaks CON-3: put draws the next number first, and another one if a later number has been
    stored in the meantime; the first is then skipped.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._drawn: dict[Key, int] = vars(self._storage).setdefault("drawn", {})

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        while True:
            drawn = self._draw(key)
            with self._storage.lock:
                row = self._storage.rows.get(key)
                if row is None or row.version < drawn:
                    self._storage.write(key, Row(record.to_json(), drawn, record.expires_at))
                    return drawn

    def _draw(self, key: Key) -> int:
        stored = self.version(key)
        with self._storage.lock:
            self._drawn[key] = max(self._drawn.get(key, 0), stored) + 1
            return self._drawn[key]


class WritesWhatItReadPlusOne(PgBackend):
    """breaks CON-3: put reads the version in one statement and writes the next one in another."""

    upsert = PgBackend.upsert.replace("stored.version + 1", "%(next)s")

    def _put(self, record: TaskRecord) -> int:
        found = self.read(self.select, owner=record.owner_id, task=record.task_id).rows
        version = found[0][2] + 1 if found else 1
        self.write(self.upsert, **values(record), next=version)
        return int(version)


class UpsertsByTwoStatementsInOne(PgBackend):
    """breaks CON-3: one statement updates the row and, where it finds none, inserts it. Two that
    find none insert both: one of them does nothing then, and is acknowledged all the same.
    """

    add = PgBackend.insert.replace(
        "VALUES ({row})", "SELECT {row} WHERE NOT EXISTS (SELECT FROM changed)"
    )
    upsert = """WITH changed AS ({update} RETURNING version),
        added AS ({add} ON CONFLICT DO NOTHING RETURNING version)
        SELECT version FROM changed UNION ALL SELECT version FROM added"""

    def _put(self, record: TaskRecord) -> int:
        found = self.write(self.upsert, **values(record)).rows
        return int(found[0][0]) if found else 1
