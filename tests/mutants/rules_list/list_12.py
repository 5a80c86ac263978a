"""Mutants of LIST-12."""

from __future__ import annotations

from datetime import datetime

from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


class UncheckedLimits(InMemoryBackend):
    """Answers limits below 1 by itself."""

    def below_one(self, owner_id: str) -> list[VersionedRecord]:
        return []

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        if type(limit) is int and limit < 1:
            return self.below_one(owner_id)
        return super().list_by_owner(owner_id, limit=limit, after=after)


class LimitZeroIsEmpty(UncheckedLimits):
    """breaks LIST-12: a limit of 0 gives an empty page, which a pager takes for the last."""


class LimitZeroIsUnlimited(UncheckedLimits):
    """breaks LIST-12: a limit of 0 or below means no limit, as in SQLite and MongoDB."""

    def below_one(self, owner_id: str) -> list[VersionedRecord]:
        return self._list_by_owner(owner_id, limit=10_000, after=None)


class AtMostZeroIsNoLimit(InMemoryBackend):
    """breaks LIST-12: an at_most of 0 counts as none: `if at_most:`."""

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        return super().count_by_owner(owner_id, live_at=live_at, at_most=at_most or None)
