"""Mutants of KEY-5."""

from __future__ import annotations

import re

from mutants.base import (
    CollatedStorage,
)
from mutants.postgres import PgBackend


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
