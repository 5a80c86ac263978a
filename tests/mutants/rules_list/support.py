"""Shared by the mutants of LIST."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    VersionedRecord,
)


class Paged(Seamed):
    """Pages through the whole listing of an owner in a way of its own."""

    def everything(self, owner_id: str) -> list[VersionedRecord]:
        return super()._list_by_owner(owner_id, limit=10_000, after=None)
