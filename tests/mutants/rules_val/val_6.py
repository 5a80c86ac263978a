"""Mutants of VAL-6."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import (
    Altering,
)
from mutants.rules_val.val_1 import AlteringTask
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    TaskRecord,
)


class DeepIsText(Altering):
    """breaks VAL-6: what is nested deeper than 32 levels becomes text: default=str, or a document
    store's limit.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        changes = {"result": cut_at(record.result, 32)}
        return record.model_copy(update=changes)


def cut_at(value: Any, levels: int) -> Any:
    if isinstance(value, dict | list) and levels == 0:
        return json.dumps(value)
    if isinstance(value, dict):
        return {key: cut_at(child, levels - 1) for key, child in value.items()}
    return [cut_at(child, levels - 1) for child in value] if isinstance(value, list) else value


class DeepIsRefused(InMemoryBackend):
    """breaks VAL-6: an object nested deeper than 60 levels is refused, as by limits of parsers."""

    def _create(self, record: TaskRecord) -> int:
        if record.to_json().count('{"level"') > 60:
            raise BackendError("the document is nested too deeply")
        return super()._create(record)


def with_text_below(value: Any, levels: int) -> Any:
    """The value with text in place of what is deeper."""
    if not levels and isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, dict):
        return {key: with_text_below(child, levels - 1) for key, child in value.items()}
    if isinstance(value, list):
        return [with_text_below(child, levels - 1) for child in value]
    return value


class DeepMetaIsText(AlteringTask):
    """breaks VAL-6: _meta that is nested deeper than 16 levels becomes text."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"meta": with_text_below(record.task.meta, 16)}
