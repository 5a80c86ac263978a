"""Mutants of EXP-12."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mutants.rules_exp.support import Cleaning
from mutants.sqlite import SqliteRows
from pmcp_storage import MemoryStorage
from pmcp_storage.backends.memory import Key


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


class CleansUpAThousand(SqliteRows):
    """breaks EXP-12: a cleanup takes one batch of a thousand, and leaves the rest to the next."""

    cleanup = """DELETE FROM tasks WHERE (owner_id, task_id) IN
        (SELECT owner_id, task_id FROM tasks WHERE expires_at <= :at LIMIT 1000)"""


class CleanupCountsTheLastBatch(MemoryStorage):
    """breaks EXP-12: cleanup removes in batches of 500, and returns the size of the last one."""

    def remove_expired(self, now: datetime) -> int:
        return super().remove_expired(now) % 500


class CleanupOfAHundredOwners(Cleaning):
    """breaks EXP-12: cleanup looks at a hundred owners, one page of them."""

    def due(self, now: datetime) -> Iterable[Key]:
        owners = {owner: None for owner, _ in self.rows}
        seen = list(owners)[:100]
        return [key for key in super().due(now) if key[0] in seen]
