"""Mutants of VAL-11."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from typing import Any

from mutants.base import (
    Recoding,
)


class AttributeValuesUnwrapped(Recoding):
    """breaks VAL-11: {"S": "x"} comes back as "x": a document that looks like DynamoDB's encoding
    of a value is taken for it.
    """

    def value(self, value: Any) -> Any:
        return value["S"] if isinstance(value, dict) and list(value) == ["S"] else value


class Base64Decoded(Recoding):
    """breaks VAL-11: text that happens to be base64 of text is decoded."""

    def value(self, value: Any) -> Any:
        if not isinstance(value, str) or len(value) < 8:
            return value
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return value


class CompressedExpanded(Recoding):
    """breaks VAL-11: text that looks compressed is expanded, by a magic number."""

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("H4sI"):
            return gzip.decompress(base64.b64decode(value)).decode()
        return value


class JsonWithinJson(Recoding):
    """breaks VAL-11: text that is JSON comes back as what it says: loads called once too often."""

    def value(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) and value[:1] == "{" else value


class ExtendedJson(Recoding):
    """breaks VAL-11: {"$date": …} comes back as text: extended JSON is interpreted."""

    def value(self, value: Any) -> Any:
        return value["$date"] if isinstance(value, dict) and list(value) == ["$date"] else value


class TaggedObjects(Recoding):
    """breaks VAL-11: an object with a __type__ loses it: an object hook takes it for its own."""

    def value(self, value: Any) -> Any:
        if isinstance(value, dict) and "__type__" in value:
            return {key: child for key, child in value.items() if key != "__type__"}
        return value
