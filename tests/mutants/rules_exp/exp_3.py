"""Mutants of EXP-3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mutants.postgres import IdleInTransaction
from mutants.rules_exp.support import Cleaning
from pmcp_storage.backends.memory import Key


class CleanupWithGrace(Cleaning):
    """breaks EXP-3: cleanup leaves what expired within the last minute, to be on the safe side."""

    def due(self, now: datetime) -> Iterable[Key]:
        return super().due(now - timedelta(minutes=1))


class CleanupOfOneOwner(Cleaning):
    """breaks EXP-3: cleanup ends after the first owner, as with a return inside the loop."""

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


class CleansUpByTheTransactionsClock(IdleInTransaction):
    """breaks EXP-3: now() is when the transaction began, and a read of before has left one open."""

    has_expired = "expires_at <= now()"
