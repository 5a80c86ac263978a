"""Mutants of KEY-2."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote, unquote_plus

from mutants.base import CollatedStorage
from pmcp_storage.backends.memory import Key


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
    """breaks KEY-2: keys are joined by U+001F, the unit separator, which supposedly nobody uses."""

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


class LabelledKeys(CollatedStorage):
    """breaks KEY-2: keys are joined with a label in between, as those of a cache are."""

    def folded(self, key: Key) -> Key:
        return f"{key[0]}:task:{key[1]}", ""


class KeysJoinedByDunder(JoinedKeys):
    """breaks KEY-2: keys are joined by two underscores, as names of files and tables are."""

    delimiter = "__"
