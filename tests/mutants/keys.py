"""Mutants of KEY: keys that are joined, folded or matched."""

from __future__ import annotations

import fnmatch
import re
import string
import unicodedata
from urllib.parse import quote_plus, unquote, unquote_plus

from mutants.base import CollatedStorage, Seamed
from pmcp_storage import BackendError, InMemoryBackend, TaskRecord, VersionedRecord
from pmcp_storage.backends.memory import Key


class KeysByTask(CollatedStorage):
    """breaks KEY-1: the primary key is the task_id alone, so a second owner cannot use it."""

    def folded(self, key: Key) -> Key:
        return "", key[1]


class JoinedKeys(CollatedStorage):
    """Keys are joined to one text."""

    delimiter = ":"

    def folded(self, key: Key) -> Key:
        return "", self.delimiter.join(key)


class KeysJoinedByColon(JoinedKeys):
    """breaks KEY-2: keys are joined by a colon, as is the custom in Redis."""


class KeysJoinedBySlash(JoinedKeys):
    """breaks KEY-2: keys are joined by a slash, as paths and object names are."""

    delimiter = "/"


class KeysJoinedByLabel(JoinedKeys):
    """breaks KEY-2: keys are joined by #TASK#, as single-table designs do."""

    delimiter = "#TASK#"


class KeysJoinedByNothing(JoinedKeys):
    """breaks KEY-2: keys are hashed one after the other without anything in between."""

    delimiter = ""


class KeysJoinedByControl(JoinedKeys):
    """breaks KEY-2: keys are joined by U+001F, the unit separator that nobody uses, it is said."""

    delimiter = "\x1f"


class KeysQuotedInPart(JoinedKeys):
    """breaks KEY-2: the delimiter within ids is percent-encoded, but the percent sign is not."""

    def folded(self, key: Key) -> Key:
        return "", ":".join(part.replace(":", "%3A") for part in key)


class KeysDecoded(CollatedStorage):
    """breaks KEY-2: ids are percent-decoded on their way, as by a proxy that decodes twice."""

    def fold(self, text: str) -> str:
        return unquote(text)


class KeysFormDecoded(CollatedStorage):
    """breaks KEY-2: a plus sign is a space, as in form data."""

    def fold(self, text: str) -> str:
        return quote_plus(unquote_plus(text.replace("%", "%25")))


class KeysCasefolded(CollatedStorage):
    """breaks KEY-3: keys ignore case, as collations ending in _ci and some file systems do."""

    def fold(self, text: str) -> str:
        return text.casefold()


class PutFoldsKeys(Seamed):
    """breaks KEY-3: put writes under the id in small letters, the other operations do not: one
    path has a clean-up of its own.
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


class KeysStripped(CollatedStorage):
    """breaks KEY-5: white space around ids is stripped, as forms and configuration files do."""

    def fold(self, text: str) -> str:
        return text.strip()


class KeysPadded(CollatedStorage):
    """breaks KEY-5: spaces at the end do not count, as under PAD SPACE in MySQL and SQL Server."""

    def fold(self, text: str) -> str:
        return text.rstrip(" ")


class KeysCollapsed(CollatedStorage):
    """breaks KEY-5: runs of white space are one space, as in HTML and XML attributes."""

    def fold(self, text: str) -> str:
        return re.sub(r"\s+", " ", text)


class MatchingKeys(Seamed):
    """Finds, for a key that is absent, another one that its pattern matches."""

    def matches(self, pattern: str, text: str) -> bool:
        return False

    def _create(self, record: TaskRecord) -> int:
        match = self._match(record.owner_id, record.task_id)
        return super()._create(record) if match is None else self._refuse(match)

    def _refuse(self, key: Key) -> int:
        raise BackendError(f"{key[1]!r} is in the way")

    def _match(self, owner_id: str, task_id: str) -> Key | None:
        others = (key for key in list(self._storage.rows) if key[0] == owner_id)
        return next((k for k in others if k[1] != task_id and self.matches(task_id, k[1])), None)


class KeysByLike(MatchingKeys):
    """breaks KEY-6: a key is looked up with LIKE, where % and _ match other ids."""

    def matches(self, pattern: str, text: str) -> bool:
        if not set(pattern) & set("%_"):
            return False
        quoted = re.escape(pattern).replace("%", ".*").replace("_", ".")
        return re.fullmatch(quoted, text, re.DOTALL) is not None


class DeletesByGlob(Seamed):
    """breaks KEY-6: delete takes the id for a glob, as KEYS, SCAN and invalidation in caches do."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if found and "*" in task_id:
            for key in list(self._storage.rows):
                if key[0] == owner_id and fnmatch.fnmatchcase(key[1], task_id):
                    super()._delete(*key)
        return found


class ListsByRegex(InMemoryBackend):
    """breaks KEY-6: the owner goes into a regular expression without being escaped, so an owner
    with special characters finds nothing.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        try:
            pattern = re.compile(owner_id)
        except re.error:
            return []
        return [entry for entry in found if pattern.fullmatch(entry.record.owner_id)]
