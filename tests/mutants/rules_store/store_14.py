"""Mutants of STORE-14."""

from __future__ import annotations

from collections.abc import Callable

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
    VersionedRecord,
)


class DropsUnknownFields(Seam):
    """breaks STORE-14: a change writes the fields that this version knows."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            return await super()._change(owner_id, task_id, lambda task: _known(decide(task)))


def _known(record: TaskRecord) -> TaskRecord:
    return TaskRecord(**{name: getattr(record, name) for name in TaskRecord.model_fields})
