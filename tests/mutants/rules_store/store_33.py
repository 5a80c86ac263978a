"""Mutants of STORE-33."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import AsyncTaskStore, VersionedRecord
from pmcp_storage.store import lifecycle, validation
from pmcp_storage.store.translation import raises_task_errors


class NobodyIsAnonymous(Seam):
    """breaks STORE-33: an owner of None counts as anonymous: a server that has lost the name of its
    caller serves everybody the shared tasks.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        def _owner(self, owner_id: str) -> str:
            return super()._owner(owner_id or "")


class ResultsAreCheckedLate(Seam):
    """breaks STORE-33: what is no JSON is found out after the task has been read."""

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
            return await self._change(
                owner_id,
                task_id,
                lambda task: lifecycle.with_result(
                    task, validation.accept_result(result), self._config
                ),
            )


class NotANumberIsNull(Seam):
    """breaks STORE-33: a result that is not a number is stored as null, as JavaScript does."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        not_a_number = isinstance(result, float) and result != result
        return super().set_result(owner, task, None if not_a_number else result)
