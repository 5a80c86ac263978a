"""Mutants of STORE-1."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class CreatesInTwoWrites(Seam):
    """breaks STORE-1: the task is created bare and its variables follow in a second write."""

    def create(self, *args: Any, variables: Any = None, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        given = {key: value for key, value in (variables or {}).items() if value is not None}
        return self.rewrite(made, variables=given) if given else made


class CreationsFromAFactory(Seam):
    """breaks STORE-1: create returns a time of the last change that is not the stored one, as where
    the storage truncates times after the answer was made.
    """

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        later = made.record.task.created_at + timedelta(milliseconds=1)
        task = made.record.task.model_copy(update={"last_updated_at": later})
        return VersionedRecord(made.record.model_copy(update={"task": task}), made.version)
