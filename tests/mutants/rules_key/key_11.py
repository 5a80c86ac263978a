"""Mutants of KEY-11."""

from __future__ import annotations

import html

from mutants.base import (
    CollatedStorage,
    Seamed,
)
from mutants.rules_key.support import MatchingKeys
from pmcp_storage import (
    BackendError,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Row


class SqlAsText(Seamed):
    """breaks KEY-11: ids are pasted into SQL between apostrophes, so one with an apostrophe is a
    syntax error, or worse.
    """

    def _create(self, record: TaskRecord) -> int:
        if "'" in record.task_id.replace("''", ""):
            raise BackendError("unrecognized token in the statement")
        return super()._create(record)


class OperatorsInIds(MatchingKeys):
    """breaks KEY-11: an id that is a JSON object is an operator: {"$gt":""} finds any record."""

    def matches(self, pattern: str, text: str) -> bool:
        return pattern.startswith("{") and "$" in pattern


class InlineCommands(MemoryStorage):
    """breaks KEY-11: an id ends where a line ends and another command begins, as in protocols by
    line.
    """

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, limit, after)
        return [(task_id.split("\r\n")[0], row) for task_id, row in found]


class EntitiesUndone(MemoryStorage):
    """breaks KEY-11: entities in a listing are undone: &amp; comes back as &."""

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        return [(html.unescape(task), row) for task, row in super().page(owner_id, limit, after)]


class FormattedIds(MatchingKeys):
    """breaks KEY-11: an id with a placeholder of text formatting fails, being put in a template."""

    def matches(self, pattern: str, text: str) -> bool:
        try:
            return pattern.format(task_id=pattern) != pattern and "{" in pattern
        except (IndexError, KeyError, ValueError):
            return True


class QuotesAreDropped(CollatedStorage):
    """breaks KEY-11: quotes are taken out of ids, so that they do no harm within a statement."""

    def fold(self, text: str) -> str:
        return text.replace("'", "").replace('"', "")
