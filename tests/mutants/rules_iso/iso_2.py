"""Mutants of ISO-2."""

from __future__ import annotations

from mutants.rules_iso.support import Caching
from pmcp_storage import (
    TaskRecord,
    VersionedRecord,
)


class GetSharesItsCache(Caching):
    """breaks ISO-2: a second get returns the object that the first one returned: lru_cache over
    mutable records.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        if found is None:
            found = super()._get(owner_id, task_id)
            self.keep(found.record, found.version)
        return found


class MetaIsShared(Caching):
    """breaks ISO-2: variables and result are copied for each caller, the task and its _meta are
    not.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        cached = self.cached((owner_id, task_id))
        if cached is None:
            self.keep(found.record, found.version)
        else:
            vars(found.record)["task"] = cached.record.task
        return found


class Sharing(Caching):
    """Correct but for what `share` lets a copy have in common with the cached record."""

    def share(self, cached: TaskRecord, fresh: TaskRecord) -> None:
        """Nothing."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        if found is None:
            found = super()._get(owner_id, task_id)
            self.keep(found.record, found.version)
        fresh = TaskRecord.from_json(found.record.to_json())
        self.share(found.record, fresh)
        return VersionedRecord(fresh, found.version)


class NestedMetaIsShared(Sharing):
    """breaks ISO-2: _meta is copied, but what is nested in it is not."""

    def share(self, cached: TaskRecord, fresh: TaskRecord) -> None:
        nested = {k: v for k, v in (cached.task.meta or {}).items() if isinstance(v, dict | list)}
        if fresh.task.meta is not None:
            fresh.task.meta.update(nested)


class ListResultIsShared(Sharing):
    """breaks ISO-2: a result that is a list is not copied, as only objects are."""

    def share(self, cached: TaskRecord, fresh: TaskRecord) -> None:
        if isinstance(cached.result, list):
            vars(fresh)["result"] = cached.result


class UnknownFieldsAreShared(Sharing):
    """breaks ISO-2: fields that this version does not know are not copied."""

    def share(self, cached: TaskRecord, fresh: TaskRecord) -> None:
        (fresh.model_extra or {}).update(cached.model_extra or {})
