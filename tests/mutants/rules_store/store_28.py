"""Mutants of STORE-28."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam


class ReadsAllForAPage(Seam):
    """breaks STORE-28: all tasks of the owner are read and the page is cut out of them."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        self.below.list_by_owner(owner_id)
        return super().list(owner_id, cursor=cursor, limit=limit)
