"""Mutants of VAL-5."""

from __future__ import annotations

import re
from typing import Any

from mutants.base import (
    Altering,
    Recoding,
)
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
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


class IndexesAreLists(Recoding):
    """breaks VAL-5: {"0": "a", "1": "b"} comes back as a list, since arrays and objects are one
    thing, as in PHP and Lua.
    """

    def value(self, value: Any) -> Any:
        if isinstance(value, dict) and value and list(value) == [*map(str, range(len(value)))]:
            return list(value.values())
        return value


class KeysCamelCased(Recoding):
    """breaks VAL-5: object keys in snake_case come back in camelCase, as the record's fields do."""

    def key(self, key: str) -> str:
        return re.sub(r"(?<=[a-z])_([a-z])", lambda m: m[1].upper(), key)


class HyphensAreUnderscores(Recoding):
    """breaks VAL-5: hyphens in object keys become underscores, as in names of columns."""

    def key(self, key: str) -> str:
        return key.replace("-", "_")


class VariablesBesideTheFields(Altering):
    """breaks VAL-5: variables are fields of one hash beside the record's own, and one of the name
    of a field takes its place.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        taken = {"status", "result", "request_method", "owner_id", "expires_at", "data"}
        return record.model_copy(
            update={"variables": {k: v for k, v in record.variables.items() if k not in taken}}
        )


class ThousandKeys(InMemoryBackend):
    """breaks VAL-5: a record with more than a thousand keys is refused, as by a search engine."""

    def _create(self, record: TaskRecord) -> int:
        if len(record.variables) > 1000:
            raise BackendError("limit of total fields [1000] has been exceeded")
        return super()._create(record)
