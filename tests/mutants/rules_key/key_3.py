"""Mutants of KEY-3."""

from __future__ import annotations

import base64
import string

from mutants.base import (
    CollatedStorage,
    Seamed,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


class KeysCasefolded(CollatedStorage):
    """breaks KEY-3: keys ignore case, as collations ending in _ci and some file systems do."""

    def fold(self, text: str) -> str:
        return text.casefold()


class PutFoldsKeys(Seamed):
    """breaks KEY-3: put writes under the id in lower case, the other operations do not: one path
    normalizes by itself.
    """

    def _put(self, record: TaskRecord) -> int:
        low = record.task_id.lower()
        if low == record.task_id:
            return super()._put(record)
        task = record.task.model_copy(update={"task_id": low})
        return super()._put(record.model_copy(update={"task": task}))


class OwnersLowered(CollatedStorage):
    """breaks KEY-3: owners ignore the case of ASCII letters, as mail addresses and NOCASE do."""

    def folded(self, key: Key) -> Key:
        ascii_lower = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
        return key[0].translate(ascii_lower), key[1]


class CaseInsensitiveCollation(PgBackend):
    """breaks KEY-3: ids have a nondeterministic collation that ignores case, or are citext."""

    layout = """CREATE COLLATION {table}_ids
        (provider = icu, locale = 'und-u-ks-level2', deterministic = false);""" + (
        PgBackend.layout.replace('COLLATE "C"', "COLLATE {table}_ids")
    )


class KeysInBase64Folded(CollatedStorage):
    """breaks KEY-3: keys are in base64, in names of files that ignore case."""

    def fold(self, text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().casefold()
