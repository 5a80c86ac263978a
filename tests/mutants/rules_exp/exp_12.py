"""Mutants of EXP-12."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mutants.rules_exp.support import Cleaning
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
