"""Mutants of ISO-2."""

from __future__ import annotations

from mutants.rules_iso.support import Caching
from pmcp_storage import (
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
