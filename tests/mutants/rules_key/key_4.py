"""Mutants of KEY-4."""

from __future__ import annotations

import unicodedata

from mutants.base import (
    CollatedStorage,
)
from mutants.postgres import PgBackend
from pmcp_storage.backends.memory import Key


class KeysWithoutAccents(CollatedStorage):
    """breaks KEY-4: accents do not count, as in collations ending in _ai."""

    def fold(self, text: str) -> str:
        parts = unicodedata.normalize("NFD", text)
        return "".join(char for char in parts if not unicodedata.combining(char))


class KeysInNfc(CollatedStorage):
    """breaks KEY-4: ids are normalized to NFC, as web frameworks and identity services do."""

    def fold(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


class OwnersInNfkc(CollatedStorage):
    """breaks KEY-4: owners are normalized to NFKC, as user names are by PRECIS and SASLprep."""

    def folded(self, key: Key) -> Key:
        return unicodedata.normalize("NFKC", key[0]), key[1]


class AccentInsensitiveCollation(PgBackend):
    """breaks KEY-4: ids have a nondeterministic collation that ignores accents, and minds case."""

    layout = """CREATE COLLATION {table}_ids
        (provider = icu, locale = 'und-u-ks-level1-kc-true', deterministic = false);""" + (
        PgBackend.layout.replace('COLLATE "C"', "COLLATE {table}_ids")
    )


class KanaAlike(CollatedStorage):
    """breaks KEY-4: hiragana and katakana are the same, as in utf8mb4_unicode_ci."""

    def fold(self, text: str) -> str:
        return "".join(chr(ord(c) + 0x60) if "\u3041" <= c <= "\u3096" else c for c in text)


class LettersTransliterated(CollatedStorage):
    """breaks KEY-4: æ is ae and ø is o, as in slugs and under utf8mb4_0900_ai_ci."""

    def fold(self, text: str) -> str:
        return text.replace("æ", "ae").replace("ø", "o").replace("đ", "d")
