"""Mutants of EXP-3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mutants.postgres import IdleInTransaction
from mutants.rules_exp.support import Cleaning, status_of
from mutants.sqlite import SqliteRows
from pmcp_storage import MemoryStorage
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


class CleansUpTextThatEndsInZ(SqliteRows):
    """breaks EXP-3: instants are compared as text, in which a whole second comes after any fraction
    of it: "10:00:00Z" > "10:00:00.5Z".
    """

    layout = SqliteRows.layout.replace("expires_at INTEGER", "expires_at TEXT")

    def instant(self, at: datetime) -> str:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class CleanupSplitsKeys(MemoryStorage):
    """breaks EXP-3: the index of expiries has owner:task, and a cleanup splits it at the first
    colon.
    """

    def remove_expired(self, now: datetime) -> int:
        rows = self.rows.items()
        joined = [":".join(k) for k, r in rows if r.expires_at and r.expires_at <= now]
        split = [text.partition(":") for text in joined]
        return sum(self.remove((owner, task)) for owner, _, task in split)


class CleanupSparesTheFinished(Cleaning):
    """breaks EXP-3: cleanup removes working tasks only, and results stay for ever."""

    def due(self, now: datetime) -> Iterable[Key]:
        return [k for k in super().due(now) if status_of(self.rows[k]) == "working"]


class EpochHasNoExpiry(SqliteRows):
    """breaks EXP-3: an expiry at 1970-01-01 counts as none: `if seconds:`."""

    cleanup = "DELETE FROM tasks WHERE expires_at <> 0 AND expires_at <= :at"
