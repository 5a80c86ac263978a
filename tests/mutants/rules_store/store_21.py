"""Mutants of STORE-21."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    InMemoryBackend,
    TaskQuotaError,
    TaskRecord,
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
        live = GenericTaskStore.list(self, owner_id, limit=1_000).tasks
        ended = sum(found.record.status.is_terminal for found in live)
        quota = (self.config.max_tasks_per_owner or 100) + ended
        return self.lifted(max_tasks_per_owner=quota).create(owner_id, *args, **kwargs)


class QuotaIsOneOff(Seam):
    """breaks STORE-21: > in place of >=, as if the new task were counted already."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = (self.config.max_tasks_per_owner or 100) + 1
        return self.lifted(max_tasks_per_owner=quota).create(*args, **kwargs)


class QuotaCountsOnePage(Seam):
    """breaks STORE-21: the first page of tasks is counted, so that a quota over the size of a page
    is never reached.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _check_quota(self, owner_id: str) -> None:
            limit = self._config.max_tasks_per_owner
            if limit is None:
                return
            page, now = min(limit, self._config.page_size), datetime.now(UTC)
            count = await self._backend.count_by_owner(owner_id, live_at=now, at_most=page)
            if count >= limit:
                raise TaskQuotaError(owner_id, limit)


class QuotaIsCountedOnce(Seam):
    """breaks STORE-21: the count is kept in the store from its first creation on; what other stores
    create and delete does not show in it.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counts: dict[str, int] = {}

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = self.config.max_tasks_per_owner
        if quota is None:
            return super().create(owner_id, *args, **kwargs)
        if owner_id not in self.counts:
            live = self.below.count_by_owner(owner_id, live_at=datetime.now(UTC))
            self.counts[owner_id] = live
        if self.counts[owner_id] >= quota:
            raise TaskQuotaError(owner_id, quota)
        self.counts[owner_id] += 1
        return self.lifted(max_tasks_per_owner=None).create(owner_id, *args, **kwargs)

    def delete(self, owner_id: str, task_id: str) -> bool:
        deleted = super().delete(owner_id, task_id)
        if owner_id in self.counts:
            self.counts[owner_id] -= deleted
        return deleted


class QuotaIsCheckedAfterwards(Seam):
    """breaks STORE-21: the task is created and deleted again where that was one too many: listings
    show it meanwhile, and of two at the same time both are refused.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _check_quota(self, owner_id: str) -> None:
            """Not yet."""

        async def _create(self, record: TaskRecord) -> VersionedRecord:
            made = await super()._create(record)
            quota, now = self._config.max_tasks_per_owner, datetime.now(UTC)
            if quota is None:
                return made
            if await self._backend.count_by_owner(record.owner_id, live_at=now) > quota:
                await self._backend.delete(record.owner_id, record.task_id)
                raise TaskQuotaError(record.owner_id, quota)
            return made


class QuotaIsFixed(Seam):
    """breaks STORE-21: an owner may have three tasks, whatever is configured."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = self.config.max_tasks_per_owner and 3
        return self.lifted(max_tasks_per_owner=quota).create(*args, **kwargs)


class QuotaHasACeiling(Seam):
    """breaks STORE-21: an owner has at most a thousand tasks, even where the configuration says
    more or sets no limit.
    """

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = min(self.config.max_tasks_per_owner or 1_000, 1_000)
        return self.lifted(max_tasks_per_owner=quota).create(*args, **kwargs)


class QuotaIsCountedMeanwhile(AsyncTaskStore):
    """breaks STORE-21: the store for event loops counts and creates at the same time, to be faster,
    and a creation that the quota refuses is made all the same.
    """

    async def _check_quota(self, owner_id: str) -> None:
        """Not yet."""

    async def _create(self, record: TaskRecord) -> VersionedRecord:
        counting = super()._check_quota(record.owner_id)
        made, _ = await asyncio.gather(super()._create(record), counting)
        return made
