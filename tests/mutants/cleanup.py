"""Mutants of EXP: removing what has expired, and time zones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from mutants.base import Seamed, now
from pmcp_storage import InMemoryBackend, MemoryStorage, TaskRecord, VersionedRecord
from pmcp_storage.backends.memory import Key, Row

HOUR = timedelta(hours=1)


class Cleaning(MemoryStorage):
    """Removes the keys that `due` names."""

    def due(self, now: datetime) -> Iterable[Key]:
        rows = self.rows.items()
        return [key for key, row in rows if row.expires_at is not None and row.expires_at <= now]

    def remove_expired(self, now: datetime) -> int:
        return sum(self.remove(key) for key in list(self.due(now)))


class CleanupWithGrace(Cleaning):
    """breaks EXP-3: cleanup leaves what expired within the last minute, to be on the safe side."""

    def due(self, now: datetime) -> Iterable[Key]:
        return super().due(now - timedelta(minutes=1))


class CleanupOfOneOwner(Cleaning):
    """breaks EXP-3: cleanup ends after the first owner, as a loop that returns within does."""

    def due(self, now: datetime) -> Iterable[Key]:
        due = list(super().due(now))
        return [key for key in due if key[0] == due[0][0]]


class CleanupUnlistsOnly(Cleaning):
    """breaks EXP-3: cleanup empties the index, and the records stay readable by their keys."""

    def remove_expired(self, now: datetime) -> int:
        due = [k for k in self.due(now) if k[1] in self._task_ids.get(k[0], [])]
        for owner_id, task_id in due:
            self._task_ids[owner_id].remove(task_id)
        return len(due)

    def remove(self, key: Key) -> bool:
        if key in self.rows and key[1] not in self._task_ids.get(key[0], []):
            self._task_ids.setdefault(key[0], []).append(key[1])
            self._task_ids[key[0]].sort()
        return super().remove(key)


class CleanupCountsTheScanned(Cleaning):
    """breaks EXP-4: cleanup returns how many rows it looked at."""

    def remove_expired(self, now: datetime) -> int:
        seen = len(self.rows)
        super().remove_expired(now)
        return seen


class CleanupCountsStaleEntries(MemoryStorage):
    """breaks EXP-4: cleanup counts entries of its index that overwriting and deleting left over."""

    def remove_expired(self, now: datetime) -> int:
        stale = sum(expires_at <= now for expires_at, _ in self._expiries)
        super().remove_expired(now)
        return stale


class CleanupCountsNothing(Cleaning):
    """breaks EXP-4: cleanup returns 0 whatever it removed, as rowcount after a commit does."""

    def remove_expired(self, now: datetime) -> int:
        super().remove_expired(now)
        return 0


class CleanupReturnsNone(InMemoryBackend):
    """breaks EXP-4: cleanup that finds nothing returns None: a bare return."""

    def _cleanup_expired(self) -> int:
        return super()._cleanup_expired() or cast("int", None)


class CleanupCountsWhatOthersRemove(Seamed):
    """breaks EXP-4: cleanup finds the expired, removes each of them if it is still there, and
    returns how many it had found: what somebody else has removed meanwhile counts twice.
    """

    def _cleanup_expired(self) -> int:
        at = now()
        with self._storage.lock:
            rows = list(self._storage.rows.items())
        due = [(k, row) for k, row in rows if row.expires_at is not None and row.expires_at <= at]
        for key, row in due:
            with self._storage.lock:
                if self._storage.rows.get(key) is row:
                    self._storage.remove(key)
        return len(due)


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
    there: a record created anew at that version is removed for the expiry of the former one.
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


class CleanupScansThenDeletes(Seamed):
    """breaks EXP-10: cleanup collects keys first and removes them afterwards, whatever has become
    of them meanwhile: SELECT, then DELETE by key.
    """

    def _cleanup_expired(self) -> int:
        with self._storage.lock:
            rows = list(self._storage.rows.items())
        at = now()
        due = [key for key, row in rows if row.expires_at is not None and row.expires_at <= at]
        removed = 0
        for key in due:
            with self._storage.lock:
                removed += self._storage.remove(key)
        return removed


class CleanupChecksThenDeletes(Seamed):
    """breaks EXP-10: cleanup looks at each record again before it removes it, but in two steps."""

    def _cleanup_expired(self) -> int:
        removed = 0
        for key in list(self._storage.rows):
            if self.expired(key):
                with self._storage.lock:
                    removed += self._storage.remove(key)
        return removed


class CleanupMeetsNewOwners(Seamed):
    """breaks EXP-10: cleanup goes from owner to owner through the dict that holds them, and fails
    with a RuntimeError when a new owner comes meanwhile.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._owners: dict[str, None] = vars(self._storage).setdefault("owners", {})

    def _create(self, record: TaskRecord) -> int:
        self._owners[record.owner_id] = None
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._owners[record.owner_id] = None
        return super()._put(record)

    def _cleanup_expired(self) -> int:
        at, removed = now(), 0
        for owner_id in self._owners:
            with self._storage.lock:
                page = self._storage.page(owner_id, len(self._storage.rows), None)
                due = [task_id for task_id, row in page if row.expires_at and row.expires_at <= at]
                removed += sum(self._storage.remove((owner_id, task_id)) for task_id in due)
        return removed


class CleanupOfAHundred(Cleaning):
    """breaks EXP-12: cleanup ends after a hundred records, one page or one LIMIT."""

    def due(self, now: datetime) -> Iterable[Key]:
        return list(super().due(now))[:100]


class CleanupOfOneBatch(Cleaning):
    """breaks EXP-12: cleanup removes in batches of 25 and never comes to a fifth one."""

    def due(self, now: datetime) -> Iterable[Key]:
        return list(super().due(now))[:100]

    def remove_expired(self, now: datetime) -> int:
        due = list(self.due(now))
        batches = [due[start : start + 25] for start in range(0, len(due), 25)][:4]
        return sum(self.remove(key) for batch in batches for key in batch)


class CleanupInLocalTime(Seamed):
    """breaks EXP-13: cleanup compares naive datetimes, the process's own time with one in UTC:
    right where the process runs in UTC, hours wrong elsewhere.
    """

    def _cleanup_expired(self) -> int:
        local = datetime.now()
        with self._storage.lock:
            return self._storage.remove_expired(local.replace(tzinfo=UTC))


class NaiveTimestamps(Seamed):
    """breaks EXP-13: the stored expiry is the timestamp of a naive datetime in UTC, which
    timestamp() takes for local time.
    """

    def _cleanup_expired(self) -> int:
        for key in list(self._storage.rows):
            row = self.row(key)
            if row is not None and row.expires_at is not None and row.expires_at.year < 3000:
                local = row.expires_at.replace(tzinfo=None).timestamp()
                self.overwrite(key, expires_at=datetime.fromtimestamp(local, UTC))
        return super()._cleanup_expired()


class CountByText(InMemoryBackend):
    """breaks EXP-13: the count compares live_at with the expiry as text, which is right in UTC."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found: list[VersionedRecord] = self._list_by_owner(owner_id, limit=10_000, after=None)
        expiries = [entry.record.expires_at for entry in found]
        if live_at is None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        live = [e for e in expiries if e is None or e.isoformat() > live_at.isoformat()]
        return len(live) if at_most is None else min(len(live), at_most)
