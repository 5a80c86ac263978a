"""Mutants of KEY: ids that are odd, long, or look like something else."""

from __future__ import annotations

import html
import os.path
import re
import unicodedata

from mutants.base import CollatedStorage, Seamed
from mutants.keys import MatchingKeys
from pmcp_storage import BackendError, MemoryStorage, TaskRecord
from pmcp_storage.backends.memory import Key, Row


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
    """breaks KEY-7: ids go through Latin-1, where all others are one question mark."""

    def fold(self, text: str) -> str:
        return text.encode("latin-1", "replace").decode("latin-1")


class KeysUnescaped(CollatedStorage):
    """breaks KEY-7: backslash escapes within ids are undone, as by a second round of decoding."""

    def fold(self, text: str) -> str:
        return re.sub(r"\\[ux]([0-9a-f]{2,4})", lambda m: chr(int(m[1], 16)), text)

    def folded(self, key: Key) -> Key:
        folded = self.fold(key[1])
        return key[0], "A" if folded == "A" else folded


class KeysOf255Bytes(CollatedStorage):
    """breaks KEY-8: ids are cut at 255 bytes, the length of a file name and of many columns."""

    def fold(self, text: str) -> str:
        return text.encode()[:255].decode(errors="ignore")

    def folded(self, key: Key) -> Key:
        return key[0], self.fold(key[1])


class OwnersOf767Bytes(CollatedStorage):
    """breaks KEY-8: an index takes the first 767 bytes of an owner only, as InnoDB's did."""

    def folded(self, key: Key) -> Key:
        return key[0].encode()[:767].decode(errors="ignore"), key[1]


class NamesTooLong(Seamed):
    """breaks KEY-8: an id of more than 255 bytes is refused by the file system below."""

    def _create(self, record: TaskRecord) -> int:
        if len(record.task_id.encode()) > 255:
            raise BackendError("the storage takes no name of this length")
        return super()._create(record)


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


class KeysAsPaths(CollatedStorage):
    """breaks KEY-10: ids are joined to a path, which is normalized: a/../b is b."""

    def folded(self, key: Key) -> Key:
        return "", os.path.normpath(os.path.join("/store", "=" + key[0], key[1]))


class SlashesMakeFolders(MatchingKeys):
    """breaks KEY-10: an id with a slash needs a folder that does not exist."""

    def matches(self, pattern: str, text: str) -> bool:
        return "/" in pattern


class HiddenFiles(MemoryStorage):
    """breaks KEY-10: a listing leaves out names that begin with a dot, as ls and glob do."""

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, limit, after)
        return [entry for entry in found if not entry[0].startswith(".")]


class SqlAsText(Seamed):
    """breaks KEY-11: ids are pasted into SQL between apostrophes, so one with an apostrophe is a
    syntax error, or worse.
    """

    def _create(self, record: TaskRecord) -> int:
        if "'" in record.task_id.replace("''", ""):
            raise BackendError("unrecognized token in the statement")
        return super()._create(record)


class OperatorsInIds(MatchingKeys):
    """breaks KEY-11: an id that is a JSON object is an operator: {"$gt":""} finds any record."""

    def matches(self, pattern: str, text: str) -> bool:
        return pattern.startswith("{") and "$" in pattern


class InlineCommands(MemoryStorage):
    """breaks KEY-11: an id ends where a line ends and another command begins, as in protocols by
    line.
    """

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, limit, after)
        return [(task_id.split("\r\n")[0], row) for task_id, row in found]


class EntitiesUndone(MemoryStorage):
    """breaks KEY-11: entities in a listing are undone: &amp; comes back as &."""

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        return [(html.unescape(task), row) for task, row in super().page(owner_id, limit, after)]


class FormattedIds(MatchingKeys):
    """breaks KEY-11: an id with a placeholder of text formatting fails, being put in a template."""

    def matches(self, pattern: str, text: str) -> bool:
        try:
            return pattern.format(task_id=pattern) != pattern and "{" in pattern
        except (IndexError, KeyError, ValueError):
            return True


class MetaRow(Seamed):
    """breaks KEY-12: a row of the storage's own lies among the tasks: __meta__ is taken."""

    def _create(self, record: TaskRecord) -> int:
        if record.task_id == "__meta__":
            raise BackendError("the row __meta__ belongs to the storage")
        return super()._create(record)


class UnderscoresAreInternal(MemoryStorage):
    """breaks KEY-12: a listing leaves out ids that begin with an underscore."""

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, limit, after)
        return [entry for entry in found if not entry[0].startswith("_")]


class FieldsOfAHash(CollatedStorage):
    """breaks KEY-12: tasks and the owner's version live in one hash, so the task "version" is the
    counter.
    """

    def folded(self, key: Key) -> Key:
        return key[0], "_version" if key[1] == "version" else key[1]
