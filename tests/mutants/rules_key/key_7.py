"""Mutants of KEY-7."""

from __future__ import annotations

import re
import unicodedata

from mutants.base import (
    CollatedStorage,
)
from mutants.rules_key.support import MatchingKeys
from pmcp_storage.backends.memory import Key


class KeysOfThreeBytes(CollatedStorage):
    """breaks KEY-7: characters beyond U+FFFF become question marks, as in MySQL's utf8mb3."""

    def fold(self, text: str) -> str:
        return re.sub(r"[\U00010000-\U0010ffff]", "?", text)


class KeysWithoutControls(CollatedStorage):
    """breaks KEY-7: control and format characters are dropped, as by sanitizers of input."""

    def fold(self, text: str) -> str:
        return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf"))


class KeysByLine(MatchingKeys):
    """breaks KEY-7: an id with a line break cannot be listed by a protocol of lines."""

    def matches(self, pattern: str, text: str) -> bool:
        return len(pattern.splitlines()) > 1


class KeysOfLatin1(CollatedStorage):
    """breaks KEY-7: ids go through Latin-1, where every other character becomes a question mark."""

    def fold(self, text: str) -> str:
        return text.encode("latin-1", "replace").decode("latin-1")


class KeysUnescaped(CollatedStorage):
    """breaks KEY-7: backslash escapes within ids are undone, as by a second round of decoding."""

    def fold(self, text: str) -> str:
        return re.sub(r"\\[ux]([0-9a-f]{2,4})", lambda m: chr(int(m[1], 16)), text)

    def folded(self, key: Key) -> Key:
        folded = self.fold(key[1])
        return key[0], "A" if folded == "A" else folded


class VariationSelectorsIgnored(CollatedStorage):
    """breaks KEY-7: variation selectors do not count: the heart is the red heart."""

    def fold(self, text: str) -> str:
        return re.sub("[\ufe00-\ufe0f]", "", text)


class SoftHyphensIgnored(CollatedStorage):
    """breaks KEY-7: soft hyphens and direction marks do not count, as in comparisons by UCA."""

    def fold(self, text: str) -> str:
        return re.sub("[\u00ad\u200e\u200f\u2060\u061c]", "", text)
