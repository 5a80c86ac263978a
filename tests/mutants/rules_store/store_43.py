"""Mutants of STORE-43."""

from __future__ import annotations

from datetime import UTC, datetime

from mutants.rules_store.support import Seam
from pmcp_storage import AsyncTaskStore, TaskQuotaError, TaskStatus, VersionedRecord
from pmcp_storage.store.quota import check_quotas


class Counting(AsyncTaskStore):
    """A correct store, in which what is counted can be altered."""

    newest = 1_000
    """How many of the owner's tasks are looked at."""

    def counts(self, found: VersionedRecord) -> bool:
        """Whether the task is one of the unfinished."""
        record = found.record
        return not (record.status.is_terminal or record.is_expired(datetime.now(UTC)))

    async def _check_quota(self, owner_id: str) -> None:
        limit = self._config.max_unfinished_per_owner
        if limit is None or limit == self._config.max_tasks_per_owner:
            return await super()._check_quota(owner_id)
        found = await self._backend.list_by_owner(owner_id, limit=self.newest)
        if sum(map(self.counts, found)) >= limit:
            raise TaskQuotaError(owner_id, limit, unfinished=True)
        return None


class CountsTheWorking(Seam):
    """breaks STORE-43: tasks that wait for input do not count, so that an owner can have any number
    of them.
    """

    class rules(Counting):  # noqa: N801
        def counts(self, found: VersionedRecord) -> bool:
            return super().counts(found) and found.record.status is TaskStatus.WORKING


class CountsTheNewest(Seam):
    """breaks STORE-43: the first page of the listing is counted; the unfinished tasks behind it do
    not count any more.
    """

    class rules(Counting):  # noqa: N801
        newest = 50


class CountsTheExpired(Seam):
    """breaks STORE-43: tasks that have expired unfinished count as long as they are stored."""

    class rules(Counting):  # noqa: N801
        def counts(self, found: VersionedRecord) -> bool:
            return not found.record.status.is_terminal


class CountsTheEnded(Seam):
    """breaks STORE-43: tasks that have ended count, as in the quota of unexpired ones."""

    class rules(Counting):  # noqa: N801
        def counts(self, found: VersionedRecord) -> bool:
            return not found.record.is_expired(datetime.now(UTC))


class UnfinishedReplaceUnexpired(Seam):
    """breaks STORE-43: where unfinished tasks have a quota, unexpired ones have none, and results
    pile up.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _check_quota(self, owner_id: str) -> None:
            config = self._config.model_copy(update={"max_tasks_per_owner": None})
            await check_quotas(self._backend, owner_id, config)


class CountsTwice(Seam):
    """breaks STORE-43: unexpired and unfinished tasks are counted by a request each."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _check_quota(self, owner_id: str) -> None:
            both = {"max_tasks_per_owner": None}, {"max_unfinished_per_owner": None}
            for update in both:
                config = self._config.model_copy(update=update)
                await check_quotas(self._backend, owner_id, config)
