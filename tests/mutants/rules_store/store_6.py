"""Mutants of STORE-6."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    NotFoundError,
    TaskNotFoundError,
)
from pmcp_storage.store import validation
from pmcp_storage.store.translation import raises_task_errors


class DeletesEverybodys(Seam):
    """breaks STORE-6: delete goes by the id alone, whoever asks."""

    def delete(self, owner_id: str, task_id: str) -> bool:
        handle: Any = self.below
        for owner, task in list(handle._keys):
            if task == task_id:
                handle.delete(owner, task)
        return super().delete(owner_id, task_id)


class DeletesTheEndedOnly(Seam):
    """breaks STORE-6: a task that still works is not deleted."""

    def delete(self, owner_id: str, task_id: str) -> bool:
        try:
            if not self.get(owner_id, task_id).record.status.is_terminal:
                return False
        except TaskNotFoundError:
            return False
        return super().delete(owner_id, task_id)


class DeletionsAreClaimedTwice(Seam):
    """breaks STORE-6: delete reports what it has read, not what it has deleted: of two that delete
    a task at the same time both believe that they did it.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def delete(self, owner_id: str, task_id: str) -> bool:
            key = (self._owner(owner_id), validation.accept_task_id(task_id))
            try:
                await self._read(*key)
            except NotFoundError:
                return False
            await self._backend.delete(*key)
            return True
