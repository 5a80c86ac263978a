"""Mutants of EXP-4."""

from __future__ import annotations

from datetime import datetime
from itertools import cycle
from typing import Any, cast

import psycopg

from mutants.base import (
    Seamed,
    now,
)
from mutants.postgres import PgBackend
from mutants.rules_exp.support import Cleaning
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    OutcomeUnknownError,
)
from support.postgres_sessions import Session


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


class CountsBeforeItCleans(PgBackend):
    """breaks EXP-4: cleanup counts what has expired in one statement and deletes it in another."""

    def _cleanup_expired(self) -> int:
        found = self.read("SELECT FROM {table} WHERE {has_expired}").changed
        super()._cleanup_expired()
        return found


class VictimsOfADeadlockCount(PgBackend):
    """breaks EXP-4: cleanup deletes row by row, in any order, in one transaction. Two of them wait
    for each other, the server rolls one back, and that one reports what it had deleted by then.
    """

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self._orders = cycle(("ASC", "DESC"))

    def connect(self) -> Session:
        session = super().connect()
        session.execute("SET deadlock_timeout = 10")
        return session

    def _cleanup_expired(self) -> int:
        query = "SELECT owner_id, task_id FROM {table} WHERE {has_expired} ORDER BY task_id "
        session, removed = self.take(), 0
        try:
            with session.transaction():
                for owner, task in session.execute(self.sql(query + next(self._orders))):
                    key = {"owner": owner, "task": task}
                    removed += session.execute(self.sql(self.remove), key).rowcount
        except psycopg.errors.DeadlockDetected:
            pass
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error
        finally:
            self.give_back(session)
        return removed


class CleanupReturnsAFloat(InMemoryBackend):
    """breaks EXP-4: cleanup returns a float."""

    def _cleanup_expired(self) -> Any:
        return float(super()._cleanup_expired())
