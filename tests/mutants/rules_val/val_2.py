"""Mutants of VAL-2."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Recoding,
)
from mutants.postgres import PgBackend
from mutants.rules_val.val_1 import AlteringTask
from pmcp_storage import TaskRecord


class IntegersAsFloats(Recoding):
    """breaks VAL-2: integers beyond 2^53 are rounded, as by JavaScript and most JSON columns."""

    def value(self, value: Any) -> Any:
        rounds = type(value) is int and 2**53 < abs(value) < 10**300
        return int(float(value)) if rounds else value


class IntegersOf64Bits(Recoding):
    """breaks VAL-2: integers beyond 64 bits are clamped to the largest that fits."""

    def value(self, value: Any) -> Any:
        return max(-(2**63), min(2**63 - 1, value)) if type(value) is int else value


class NumbersOf38Digits(Recoding):
    """breaks VAL-2: numbers keep 38 digits, as DynamoDB's N does."""

    def value(self, value: Any) -> Any:
        long = type(value) is int and len(str(abs(value))) > 38
        return int(str(value)[:38] + "0" * (len(str(value)) - 38)) if long else value


class BoolsAreNumbers(Recoding):
    """breaks VAL-2: True comes back as 1, as from SQLite and MySQL; == does not notice."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value


class WholeFloatsAreIntegers(Recoding):
    """breaks VAL-2: 1.0 comes back as 1, as from JavaScript and Lua; == does not notice."""

    def value(self, value: Any) -> Any:
        whole = type(value) is float and value.is_integer() and abs(value) < 2**53
        return int(value) if whole else value


class FloatsOf15Digits(Recoding):
    """breaks VAL-2: floats are written with 15 digits, as %.15g does."""

    def value(self, value: Any) -> Any:
        return float(f"{value:.15g}") if type(value) is float and abs(value) < 1e300 else value


class MinusZeroIsZero(Recoding):
    """breaks VAL-2: -0.0 loses its sign; == does not notice."""

    def value(self, value: Any) -> Any:
        return 0.0 if type(value) is float and value == 0 else value


class SubnormalsAreZero(Recoding):
    """breaks VAL-2: the smallest floats become 0, as on hardware that flushes them."""

    def value(self, value: Any) -> Any:
        return 0.0 if type(value) is float and 0 < abs(value) < 2.3e-308 else value


class RecordsAreJsonb(PgBackend):
    """breaks VAL-2: records are jsonb, whose numbers are decimal: -0.0 loses its sign, and 1e300
    comes back as an integer of three hundred digits.
    """

    layout = PgBackend.layout.replace("data text", "data jsonb")
    shown = "task_id, data::text, version"


class MetaThroughFloats(AlteringTask):
    """breaks VAL-2: numbers in _meta are doubles, as in a protocol that has no other ones."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"meta": self.doubled(record.task.meta)}

    def doubled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.doubled(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.doubled(child) for child in value]
        return float(value) if type(value) is int and abs(value) < 10**300 else value
