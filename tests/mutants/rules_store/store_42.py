"""Mutants of STORE-42."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import TaskChange, TaskEndedError, TaskRecord, TaskStatus, VersionedRecord


class ProgressIsWork(Seam):
    """breaks STORE-42: a task that reports progress is working again, and its question is gone."""

    def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        def progress(task: TaskRecord) -> TaskChange:
            asking = task.status is TaskStatus.INPUT_REQUIRED
            return TaskChange(status=TaskStatus.WORKING if asking else None, message=message)

        return self.change(owner_id, task_id, progress)


class ProgressIsOverwritten(Seam):
    """breaks STORE-42: progress is written from an older reading, over what came in meanwhile."""

    def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        found = super().report_progress(owner_id, task_id, message)
        if found.version <= 2 or not found.record.variables.get("answer"):
            return found
        return self.rewrite(found, variables={})


class ProgressAfterTheEnd(Seam):
    """breaks STORE-42: a task that has ended gets messages over the one that it ended with."""

    def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        try:
            return super().report_progress(owner_id, task_id, message)
        except TaskEndedError:
            return self.touch(self.get(owner_id, task_id), status_message=message)


class ProgressIsAVariable(Seam):
    """breaks STORE-42: progress is kept among the variables, where no client sees it."""

    def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        return self.set_variables(owner_id, task_id, {"progress": message})


class NoProgressWithoutAWord(Seam):
    """breaks STORE-42: an empty message is taken for none, and the old one stays."""

    def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        if message == "":
            return self.change(owner_id, task_id, lambda _: TaskChange())
        return super().report_progress(owner_id, task_id, message)


class ProgressOfAnything(Seam):
    """breaks STORE-42: what is no text becomes one, None a message "None"."""

    def report_progress(self, owner_id: str, task_id: str, message: Any) -> VersionedRecord:
        return super().report_progress(owner_id, task_id, f"{message}")
