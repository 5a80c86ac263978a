"""Mutants of STORE-13."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    StorageBackend,
    StoreConfig,
    TaskPage,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key
from pmcp_storage.store import lifecycle, validation
from pmcp_storage.store.translation import raises_task_errors


class AnswersAreCached(Seam):
    """breaks STORE-13: get answers with the object that a change returned, as an object cache
    does.
    """

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.cache: dict[Key, VersionedRecord] = {}

    def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
        return self.cache.setdefault(
            (owner_id, task_id), super().set_result(owner_id, task_id, result)
        )

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self.cache.get((owner_id, task_id)) or super().get(owner_id, task_id)


class AnswersFromBeforeTheChange(Seam):
    """breaks STORE-13: cancel returns the version that it read."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        changed = super().cancel(owner_id, task_id)
        return VersionedRecord(changed.record, changed.version - 1)


class KeepsTheCallersResult(Seam):
    """breaks STORE-13: the answer of set_result holds the caller's own object, and changes with
    it.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
            validation.accept_result(result)
            return await self._change(
                owner_id, task_id, lambda task: lifecycle.with_result(task, result, self._config)
            )


class ListingsAreSummaries(Seam):
    """breaks STORE-13: a listing leaves out the results, to save bytes, and a task in it looks as
    if it had none.
    """

    def list(self, owner_id: str, **options: Any) -> TaskPage:
        page = super().list(owner_id, **options)
        bare = [
            VersionedRecord(found.record.model_copy(update={"result": None}), found.version)
            for found in page.tasks
        ]
        return TaskPage(bare, page.next_cursor)
