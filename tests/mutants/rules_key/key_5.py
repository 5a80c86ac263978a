"""Mutants of KEY-5."""

from __future__ import annotations

import re

from mutants.base import (
    CollatedStorage,
    Seamed,
)
from mutants.postgres import PgBackend
from pmcp_storage import TaskRecord


class KeysStripped(CollatedStorage):
    """breaks KEY-5: white space around ids is stripped, as forms and configuration files do."""

    def fold(self, text: str) -> str:
        return text.strip()


class KeysPadded(CollatedStorage):
    """breaks KEY-5: spaces at the end do not count, as under PAD SPACE in MySQL and SQL Server."""

    def fold(self, text: str) -> str:
        return text.rstrip(" ")


class KeysCollapsed(CollatedStorage):
    """breaks KEY-5: runs of white space are one space, as in HTML and XML attributes."""

    def fold(self, text: str) -> str:
        return re.sub(r"\s+", " ", text)


class TasksAreBpchar(PgBackend):
    """breaks KEY-5: task ids are of type character, to which trailing spaces mean nothing."""

    layout = PgBackend.layout.replace("task_id text", "task_id bpchar")
    page = PgBackend.page.replace("%(after)s", "%(after)s::bpchar")


class SwapStripsTasks(Seamed):
    """breaks KEY-5: put_if_version strips the task's id, the other operations do not."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stripped = record.task_id.strip() or record.task_id
        task = record.task.model_copy(update={"task_id": stripped})
        return super()._put_if_version(record.model_copy(update={"task": task}), expected_version)


class PutStripsOwners(Seamed):
    """breaks KEY-5: put strips the owner's id, the other operations do not."""

    def _put(self, record: TaskRecord) -> int:
        stripped = record.owner_id.strip() or record.owner_id
        return super()._put(record.model_copy(update={"owner_id": stripped}))
