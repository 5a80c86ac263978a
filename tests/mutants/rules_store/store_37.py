"""Mutants of STORE-37."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mutants.rules_store.support import Changing, Seam
from pmcp_storage import TaskChange, TaskRecord, VersionedRecord
from pmcp_storage.store import lifecycle
from pmcp_storage.store.change import Decide
from pmcp_storage.store.deciding import Deciding


class ChangesPartByPart(Seam):
    """breaks STORE-37: the variables are written first and the status after them, so that others
    see the one without the other.
    """

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        whole = TaskChange()

        def variables(task: TaskRecord) -> TaskChange | None:
            nonlocal whole
            wanted = decide(task)
            if wanted is None or wanted.status is None or not wanted.variables:
                return wanted
            whole = wanted
            return TaskChange(variables=wanted.variables)

        made = super().change(owner_id, task_id, variables, **known)
        if whole.status is None:
            return made
        rest = replace(whole, variables={})
        return super().change(owner_id, task_id, lambda _: rest)


class ReadsWhatIsKnown(Seam):
    """breaks STORE-37: a task that the caller already holds is read all the same."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        return super().change(owner_id, task_id, decide)


class NothingIsWrittenToo(Seam):
    """breaks STORE-37: where decide wants nothing, the task is written as it was, and every poll
    becomes a write.
    """

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        return super().change(owner_id, task_id, lambda task: decide(task) or TaskChange(), **known)


class DecidesOnWhatIsWritten(Seam):
    """breaks STORE-37: decide works on the record that is going to be written; what it does to the
    variables is stored, whether it returns it or not.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
                wanted = self._decide(found.record)
                if wanted is None:
                    return None
                return lifecycle.with_change(found.record, wanted, self._config)


class ChangeRebuildsTheRecord(Seam):
    """breaks STORE-37: the record is built anew from the fields that the code lists, and those of
    newer writers are gone.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
                record = super()._wanted(found)
                if record is None:
                    return None
                names = TaskRecord.model_fields
                return TaskRecord(**{name: getattr(record, name) for name in names})


class EmptyMessagesAreNoChange(Seam):
    """breaks STORE-37: `if message:` leaves the old message where the new one is empty."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        def without_empty(task: TaskRecord) -> TaskChange | None:
            wanted = decide(task)
            return TaskChange() if wanted == TaskChange(message="") else wanted

        return super().change(owner_id, task_id, without_empty, **known)
