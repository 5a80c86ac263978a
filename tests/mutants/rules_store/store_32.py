"""Mutants of STORE-32."""

from __future__ import annotations

from mutants.rules_store.support import Altering, Seam
from pmcp_storage import TaskRecord


class ChangesForgetMeta(Seam):
    """breaks STORE-32: a change forgets the task's meta, which is newer than the code that lists
    the fields.
    """

    class rules(Altering):  # noqa: N801
        def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
            task = after.task.model_copy(update={"meta": None})
            return after.model_copy(update={"task": task})


class NewVariablesVoidTheResult(Seam):
    """breaks STORE-32: a task whose variables change loses the result that it has so far."""

    class rules(Altering):  # noqa: N801
        def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
            same = before.variables == after.variables
            return after if same else after.model_copy(update={"result": None})
