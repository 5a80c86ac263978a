"""Mutants of KEY-10."""

from __future__ import annotations

import os
import os.path

from mutants.base import (
    CollatedStorage,
)
from mutants.rules_key.support import MatchingKeys
from pmcp_storage import (
    MemoryStorage,
)
from pmcp_storage.backends.memory import Key, Row


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


class SlashesReplaced(CollatedStorage):
    """breaks KEY-10: a slash becomes an underscore in the name of a file."""

    def fold(self, text: str) -> str:
        return text.replace("/", "_")


class LeadingSlashesDropped(CollatedStorage):
    """breaks KEY-10: a slash at the beginning is dropped, so that the path is relative."""

    def fold(self, text: str) -> str:
        return text.lstrip("/") or text
