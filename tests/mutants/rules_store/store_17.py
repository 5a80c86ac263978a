"""Mutants of STORE-17."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
    VersionedRecord,
)


class ListsTheExpired(Seam):
    """breaks STORE-17: a listing shows what the storage has not removed yet."""

    def list(self, owner_id: str, **options: Any) -> Any:
        page = super().list(owner_id, **options)
        held = self.below.list_by_owner(owner_id)
        return type(page)(held, page.next_cursor) if not options and held else page


class ExpiredIdsAreTaken(Seam):
    """breaks STORE-17: an id stays taken until the storage has removed its expired task."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            return None
