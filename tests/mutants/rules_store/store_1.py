"""Mutants of STORE-1."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
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


class PollIntervalIsFixed(Seam):
    """breaks STORE-1: clients are asked to poll at the default interval, whatever is configured."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _create(self, record: TaskRecord) -> VersionedRecord:
            task = record.task.model_copy(update={"poll_interval": 500})
            return await super()._create(record.model_copy(update={"task": task}))


class NestedNullsAreLeftOut(Seam):
    """breaks STORE-1: null is left out of objects in the variables as well, as exclude_none and
    cleaning functions that call themselves do.
    """

    def create(self, *args: Any, variables: Any = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, variables=_without_nulls(variables), **kwargs)


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(child) for key, child in value.items() if child is not None}
