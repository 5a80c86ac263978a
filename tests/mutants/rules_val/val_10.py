"""Mutants of VAL-10."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Recoding,
)


class ListsAreSorted(Recoding):
    """breaks VAL-10: lists of numbers come back sorted, as sets do."""

    def value(self, value: Any) -> Any:
        numbers = isinstance(value, list) and all(type(child) is int for child in value)
        return sorted(value) if numbers else value


class ListsAreSets(Recoding):
    """breaks VAL-10: duplicates within a list of strings are lost, as in DynamoDB's SS."""

    def value(self, value: Any) -> Any:
        texts = isinstance(value, list) and all(isinstance(child, str) for child in value)
        return list(dict.fromkeys(value)) if texts else value


class ListsOfThousands(Recoding):
    """breaks VAL-10: lists are cut at 8,000 elements, the most that a script's stack takes."""

    def value(self, value: Any) -> Any:
        return value[:8000] if isinstance(value, list) else value
