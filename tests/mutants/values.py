"""Mutants of VAL: fields, numbers, containers and their keys."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import Altering, Recoding
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    TaskRecord,
)


class AlteringTask(Altering):
    """Stores another task than the record's."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {}

    def altered(self, record: TaskRecord) -> TaskRecord:
        task = record.task.model_copy(update=self.task_changes(record))
        return record.model_copy(update={"task": task})


class ZeroTtlIsNone(AlteringTask):
    """breaks VAL-1: a ttl of 0 comes back as None: `ttl or None`."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"ttl": record.task.ttl or None}


class EmptyMetaIsNone(AlteringTask):
    """breaks VAL-1: an empty _meta comes back as None, as where empty maps are not written."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"meta": record.task.meta or None}


class PollIntervalIsForgotten(AlteringTask):
    """breaks VAL-1: poll_interval is lost, as a column is that came later than the mapping."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"poll_interval": None}


class MessageOnlyOnceFinal(AlteringTask):
    """breaks VAL-1: the status message of a working task is lost: one branch forgets it."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {} if record.status.is_terminal else {"status_message": None}


class UpdatedIsCreated(AlteringTask):
    """breaks VAL-1: last_updated_at comes back as created_at: one variable for two columns."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"last_updated_at": record.task.created_at}


class IntegersAsFloats(Recoding):
    """breaks VAL-2: integers beyond 2^53 are rounded, as by JavaScript and most JSON columns."""

    def value(self, value: Any) -> Any:
        rounds = type(value) is int and 2**53 < abs(value) < 10**300
        return int(float(value)) if rounds else value


class IntegersOf64Bits(Recoding):
    """breaks VAL-2: integers beyond 64 bits are held at the greatest of them."""

    def value(self, value: Any) -> Any:
        return max(-(2**63), min(2**63 - 1, value)) if type(value) is int else value


class NumbersOf38Digits(Recoding):
    """breaks VAL-2: numbers keep 38 digits, as DynamoDB's N does."""

    def value(self, value: Any) -> Any:
        long = type(value) is int and len(str(abs(value))) > 38
        return int(str(value)[:38] + "0" * (len(str(value)) - 38)) if long else value


class BoolsAreNumbers(Recoding):
    """breaks VAL-2: True comes back as 1, as from SQLite and MySQL; == does not tell."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value


class WholeFloatsAreIntegers(Recoding):
    """breaks VAL-2: 1.0 comes back as 1, as from JavaScript and Lua; == does not tell."""

    def value(self, value: Any) -> Any:
        whole = type(value) is float and value.is_integer() and abs(value) < 2**53
        return int(value) if whole else value


class FloatsOf15Digits(Recoding):
    """breaks VAL-2: floats are written with 15 digits, as %.15g does."""

    def value(self, value: Any) -> Any:
        return float(f"{value:.15g}") if type(value) is float and abs(value) < 1e300 else value


class MinusZeroIsZero(Recoding):
    """breaks VAL-2: -0.0 loses its sign; == does not tell."""

    def value(self, value: Any) -> Any:
        return 0.0 if type(value) is float and value == 0 else value


class SubnormalsAreZero(Recoding):
    """breaks VAL-2: the smallest floats become 0, as on hardware that flushes them."""

    def value(self, value: Any) -> Any:
        return 0.0 if type(value) is float and 0 < abs(value) < 2.3e-308 else value


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


class DottedKeysAreNested(Recoding):
    """breaks VAL-5: {"a.b": 1} comes back as {"a": {"b": 1}}, as paths of document stores do."""

    def value(self, value: Any) -> Any:
        if isinstance(value, dict) and "a.b" in value:
            rest = {key: child for key, child in value.items() if key != "a.b"}
            return {**rest, "a": {"b": value["a.b"]}}
        return value

    def altered(self, record: TaskRecord) -> TaskRecord:
        record = super().altered(record)
        return record.model_copy(update={"variables": self.value(record.variables)})


class KeysLowered(Recoding):
    """breaks VAL-5: object keys lose their case, as column names and HTTP headers do."""

    def key(self, key: str) -> str:
        return key.lower() if key.isascii() and key.isalpha() else key


class DollarIsEscaped(Recoding):
    """breaks VAL-5: a leading $ is escaped on writing and never undone on reading."""

    def key(self, key: str) -> str:
        return "\uff04" + key[1:] if key.startswith("$") else key


class EmptyKeyIsRenamed(Recoding):
    """breaks VAL-5: the empty key comes back as _, since the storage takes no empty name."""

    def key(self, key: str) -> str:
        return key or "_"


class PrototypeIsDropped(Recoding):
    """breaks VAL-5: __proto__ is dropped, as by parsers that guard against it."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        left = {key: child for key, child in record.variables.items() if key != "__proto__"}
        return super().altered(record.model_copy(update={"variables": left}))


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
