"""Mutants of VAL-4."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import (
    Altering,
    Recoding,
)
from mutants.rules_val.val_1 import AlteringTask
from pmcp_storage import (
    TaskRecord,
)


class EmptyResultIsNone(Altering):
    """breaks VAL-4: a result that is false or empty comes back as None: `result or None`."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"result": record.result or None})


class EmptyListsAreDropped(Recoding):
    """breaks VAL-4: empty lists within objects are left out, as omitempty does."""

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: child for key, child in value.items() if child != []}
        return value


class NullsAreDropped(Recoding):
    """breaks VAL-4: members that are null are left out, as exclude_none does."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        there = {key: value for key, value in record.variables.items() if value is not None}
        return super().altered(record.model_copy(update={"variables": there}))

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: child for key, child in value.items() if child is not None}
        return value


class EmptyObjectsAreLists(Recoding):
    """breaks VAL-4: an empty object comes back as an empty list, as from PHP and Lua."""

    def value(self, value: Any) -> Any:
        return [] if value == {} else value


class MetaLosesNulls(AlteringTask):
    """breaks VAL-4: null members of _meta are left out: exclude_none goes deeper than it was meant
    to.
    """

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        meta = record.task.meta
        return {"meta": meta and {k: v for k, v in meta.items() if v is not None}}


class MetaIsFlat(AlteringTask):
    """breaks VAL-4: _meta is a map of scalars; nested values become text."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        meta = record.task.meta
        if meta is None:
            return {}
        scalar = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in meta.items()}
        return {"meta": scalar}
