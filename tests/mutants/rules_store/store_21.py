"""Mutants of STORE-21."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    VersionedRecord,
)


class QuotaCountsTheExpired(InMemoryBackend):
    """breaks STORE-21: the count does not leave out the expired, and locks their owner out."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return super()._count_by_owner(owner_id, live_at=None, at_most=at_most)


class QuotaCountsTheWorking(Seam):
    """breaks STORE-21: tasks that have ended do not count, so that results pile up."""

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        live = GenericTaskStore.list(self, owner_id).tasks
        ended = sum(found.record.status.is_terminal for found in live)
        quota = (self.config.max_tasks_per_owner or 100) + ended
        return self.lifted(max_tasks_per_owner=quota).create(owner_id, *args, **kwargs)


class QuotaIsOneOff(Seam):
    """breaks STORE-21: > in place of >=, as if the new task were counted already."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = (self.config.max_tasks_per_owner or 100) + 1
        return self.lifted(max_tasks_per_owner=quota).create(*args, **kwargs)
