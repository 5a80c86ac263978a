"""Mutants of KEY-9."""

from __future__ import annotations

import re

from mutants.base import (
    CollatedStorage,
)
from mutants.rules_key.support import MatchingKeys


class KeysAsIntegers(CollatedStorage):
    """breaks KEY-9: ids of digits are integers, as in a column of numeric affinity: 01 is 1."""

    def fold(self, text: str) -> str:
        return str(int(text)) if re.fullmatch(r"[+-]?[0-9]+", text) else text


class KeysAsFloats(CollatedStorage):
    """breaks KEY-9: ids that look like numbers are doubles, as in spreadsheets and Lua."""

    def fold(self, text: str) -> str:
        try:
            return str(float(text))
        except ValueError:
            return text


class KeysAsYaml(CollatedStorage):
    """breaks KEY-9: true, True, no and null are read as values, as YAML and .env files do."""

    def fold(self, text: str) -> str:
        words = {"true": "1", "false": "0", "no": "0", "null": "", "none": ""}
        return words.get(text.lower(), text)


class NullIsNoKey(MatchingKeys):
    """breaks KEY-9: the id "null" stands for no id at all, as in queries built by scripts."""

    def matches(self, pattern: str, text: str) -> bool:
        return pattern in ("null", "undefined")
