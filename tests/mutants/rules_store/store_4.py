"""Mutants of STORE-4."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
    VersionedRecord,
)


class ChangesRenewTheLease(Seam):
    """breaks STORE-4: a change gives the task another ttl to live, as a session's expiry slides."""

    def set_variables(self, *args: Any) -> VersionedRecord:
        changed = super().set_variables(*args)
        ttl = timedelta(milliseconds=changed.record.task.ttl or 0)
        return self.rewrite(changed, expires_at=datetime.now(UTC) + ttl)


class TtlOfSeconds(Seam):
    """breaks STORE-4: the ttl is kept as milliseconds and applied as seconds."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        expires_at = made.record.task.created_at + timedelta(seconds=made.record.task.ttl or 0)
        record = made.record.model_copy(update={"expires_at": expires_at})
        self.below.delete(record.owner_id, record.task_id)
        return VersionedRecord(record, self.below.create(record))


class ExpiryOfWholeSeconds(Seam):
    """breaks STORE-4: a ttl is applied in seconds, rounded up, as where the expiry comes from a
    setting or a function of seconds.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _create(self, record: TaskRecord) -> VersionedRecord:
            seconds = -(-(record.task.ttl or 0) // 1_000)
            expires_at = record.task.created_at + timedelta(seconds=seconds)
            return await super()._create(record.model_copy(update={"expires_at": expires_at}))
