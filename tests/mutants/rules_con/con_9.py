"""Mutants of CON-9."""

from __future__ import annotations

import os
import time
from datetime import datetime

import psycopg

from mutants.base import (
    key_of,
)
from mutants.postgres import IdleInTransaction, PgBackend
from mutants.rules_dur.log import LogStorage, LogTarget
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key
from support.postgres_sessions import Session


class ReadsThroughACache(InMemoryBackend):
    """breaks CON-9: get keeps what it has read, and only the handle's own writes clear it."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._cache: dict[Key, VersionedRecord] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = (owner_id, task_id)
        if key not in self._cache:
            self._cache[key] = super()._get(owner_id, task_id)
        return self._cache[key]

    def _put(self, record: TaskRecord) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._cache.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class RemembersWhatIsAbsent(InMemoryBackend):
    """breaks CON-9: get remembers that a key was absent, until the handle writes it itself."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._absent: set[Key] = set()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if (owner_id, task_id) in self._absent:
            raise NotFoundError(owner_id, task_id)
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._absent.add((owner_id, task_id))
            raise

    def _create(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._put(record)


class ListsThroughACache(InMemoryBackend):
    """breaks CON-9: a handle caches the ids of a listing until it creates or deletes something
    itself; the records are read afresh.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._task_ids: dict[str, list[str]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        kept = self._task_ids.setdefault(owner_id, [entry.record.task_id for entry in found])
        return [entry for entry in found if entry.record.task_id in kept]

    def _create(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._task_ids.pop(owner_id, None)
        return super()._delete(owner_id, task_id)


class CountsItsOwnWrites(InMemoryBackend):
    """breaks CON-9: a handle counts once and then only follows its own creates and deletes."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counts: dict[str, int] = {}

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        if live_at is not None or at_most is not None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        if owner_id not in self._counts:
            counted = super()._count_by_owner(owner_id, live_at=None, at_most=None)
            self._counts[owner_id] = counted
        return self._counts[owner_id]

    def _create(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counts.pop(owner_id, None)
        return super()._delete(owner_id, task_id)


class ForgetsToCommit(PgBackend):
    """breaks CON-9: the connection is not in autocommit mode, and nobody commits: what is written
    can be read by its own session only.
    """

    def connect(self) -> Session:
        session = super().connect()
        session.autocommit = False
        return session

    def give_back(self, session: Session) -> None:
        self.pool.keep(session)


class ReadsInAnOldSnapshot(IdleInTransaction):
    """breaks CON-9: a read leaves its transaction open, and under REPEATABLE READ the next one sees
    what the first one saw, until the handle writes: idle in transaction, or a replica that lags.
    """

    def connect(self) -> Session:
        session = super().connect()
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return session


class LooksForNotificationsNowAndThen(PgBackend):
    """breaks CON-9: get answers from a cache that NOTIFY of another's write empties, and looks for
    notifications once a second, on a connection that listens.
    """

    layout = (
        PgBackend.layout
        + """; CREATE FUNCTION {table}_notify() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NOTIFY written; RETURN NULL; END$$;
        CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION {table}_notify()"""
    )

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self._cache: dict[tuple[str, str], VersionedRecord] = {}
        self._listener: Session | None = None
        self._looked = 0.0

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if time.monotonic() > self._looked + 1:
            self._look()
        key = (owner_id, task_id)
        if key not in self._cache:
            self._cache[key] = super()._get(*key)
        return self._cache[key]

    def _look(self) -> None:
        self._looked = time.monotonic()
        if self._listener is None:
            self._listener = self.connect()
            self._listener.execute("LISTEN written")
        if list(self._listener.notifies(timeout=0)):
            self._cache.clear()

    def _close(self) -> None:
        super()._close()
        if self._listener is not None:
            self._listener.close()


class TableOfTheSession(PgBackend):
    """breaks CON-9: the table is a temporary one, which every session has for itself."""

    def connect(self) -> Session:
        session = super().connect()
        layout = self.layout.replace("CREATE TABLE {table}", "CREATE TEMP TABLE mine")
        session.execute(self.sql(layout))
        self.table = "mine"
        return session


class CachesWhatIsLarge(InMemoryBackend):
    """breaks CON-9: a handle keeps large records that it has read three times, for half an hour."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._kept: dict[Key, tuple[int, VersionedRecord]] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        times, kept = self._kept.get((owner_id, task_id), (0, None))
        if kept is not None and times >= 3:
            return kept
        found = super()._get(owner_id, task_id)
        if len(found.record.to_json()) > 50_000:
            self._kept[owner_id, task_id] = times + 1, found
        return found

    def _put(self, record: TaskRecord) -> int:
        self._kept.pop(key_of(record), None)
        return super()._put(record)


class KeepsWhatHasEnded(InMemoryBackend):
    """breaks CON-9: a handle keeps the records of tasks that have ended, since nothing follows, and
    another handle changes or deletes one.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._ended: dict[Key, tuple[str, int]] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if (owner_id, task_id) in self._ended:
            return read_row(owner_id, task_id, *self._ended[owner_id, task_id])
        found = super()._get(owner_id, task_id)
        if found.record.status.is_terminal:
            self._ended[owner_id, task_id] = found.record.to_json(), found.version
        return found

    def _put(self, record: TaskRecord) -> int:
        self._ended.pop(key_of(record), None)
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._ended.pop(key_of(record), None)
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._ended.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class CachesByVersion(InMemoryBackend):
    """breaks CON-9: get asks for the version alone and answers from its cache where it is the same,
    as it is of a record that was deleted and created again.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._kept: dict[Key, VersionedRecord] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        kept = self._kept.setdefault((owner_id, task_id), found)
        if kept.version != found.version:
            kept = self._kept[owner_id, task_id] = found
        return kept


class ListsByVersions(InMemoryBackend):
    """breaks CON-9: a listing comes from a cache where its ids and versions are the same, as they
    are when a record was deleted and created again.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._kept: dict[tuple[tuple[str, str, int], ...], list[VersionedRecord]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        listed = tuple((owner_id, entry.record.task_id, entry.version) for entry in found)
        return self._kept.setdefault(listed, found)


class KnownByItsSize(LogStorage):
    """Takes the log for another one only if it has become shorter."""

    def was_replaced(self, found: os.stat_result) -> bool:
        return found.st_size < self.end


class MissesACompaction(LogTarget):
    """breaks CON-9: a handle notices that another one has replaced the log by a compacted one only
    where that is shorter than what it had read, and never if the new log has grown meanwhile.
    """

    log_storage = KnownByItsSize
