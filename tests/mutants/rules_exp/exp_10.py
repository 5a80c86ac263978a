"""Mutants of EXP-10."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    now,
)
from mutants.postgres import Locking, PgBackend
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
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
    """breaks EXP-10: cleanup goes from owner to owner through the dict that holds them, and
    fails with a RuntimeError when a new owner appears meanwhile.
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


class TrustsItsSubquery(PgBackend):
    """breaks EXP-10: cleanup deletes the keys that its subquery finds. Where it has to wait for a
    lock, only the key is compared again, and the record that was refreshed meanwhile goes.
    """

    cleanup = """DELETE FROM {table} WHERE (owner_id, task_id) IN
        (SELECT owner_id, task_id FROM {table} WHERE {has_expired})"""


class TrustsItsSubqueryWhileOthersLock(Locking):
    """breaks EXP-10: cleanup deletes the keys that its subquery finds, and waits for a put that is
    a transaction of several statements and has written, but not committed.
    """

    cleanup = TrustsItsSubquery.cleanup
