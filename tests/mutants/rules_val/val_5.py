"""Mutants of VAL-5."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Recoding,
)
from pmcp_storage import (
    TaskRecord,
)


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
