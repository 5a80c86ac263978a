"""Mutants of STORE-2."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class MintsRandomIds(Seam):
    """breaks STORE-2: ids are UUIDs of version 4, in no order, and listings with them."""

    def create(self, *args: Any, task_id: str | None = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, task_id=task_id or str(uuid4()), **kwargs)
