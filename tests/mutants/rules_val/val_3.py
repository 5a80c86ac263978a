"""Mutants of VAL-3."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from mutants.base import (
    Altering,
    Recoding,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    TaskRecord,
)


class EmptyTextIsNull(Recoding):
    """breaks VAL-3: "" comes back as null, as from Oracle and early DynamoDB."""

    def value(self, value: Any) -> Any:
        return None if value == "" else value


class TextEndsAtNul(Recoding):
    """breaks VAL-3: text is cut at U+0000, where C strings end."""

    def value(self, value: Any) -> Any:
        return value.split("\0")[0] if isinstance(value, str) else value


class LineEndsRewritten(Recoding):
    """breaks VAL-3: CRLF comes back as LF, as from files opened in text mode."""

    def value(self, value: Any) -> Any:
        return value.replace("\r\n", "\n") if isinstance(value, str) else value


class TextInNfc(Recoding):
    """breaks VAL-3: text is normalized to NFC."""

    def value(self, value: Any) -> Any:
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


class ByteOrderMarkDropped(Recoding):
    """breaks VAL-3: U+FEFF at the beginning of a text is dropped: utf-8-sig on reading."""

    def value(self, value: Any) -> Any:
        return value.removeprefix("\ufeff") if isinstance(value, str) else value


class TextOf65535Bytes(Recoding):
    """breaks VAL-3: text is cut at 65,535 bytes, as by MySQL's TEXT in its lenient mode."""

    def value(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.encode()[:65_535].decode(errors="ignore")


class TextOfThreeBytes(Recoding):
    """breaks VAL-3: astral characters become question marks, as in utf8mb3."""

    def value(self, value: Any) -> Any:
        return re.sub("[\U00010000-\U0010ffff]", "?", value) if isinstance(value, str) else value


class TextTrimmed(Recoding):
    """breaks VAL-3: white space around a text is trimmed, as by CHAR columns and form fields."""

    def value(self, value: Any) -> Any:
        return value.strip(" ") if isinstance(value, str) else value


class InstantsRecognised(Recoding):
    """breaks VAL-3: text that looks like an instant comes back in another notation."""

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
            return value[:19] + "+00:00"
        return value


class MessageIsStripped(Altering):
    """breaks VAL-3: variables are exact, but the status message is a column that trims."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        message = record.task.status_message
        if not message:
            return record
        task = record.task.model_copy(update={"status_message": message.strip()})
        return record.model_copy(update={"task": task})


class StripsWhatJsonbRefuses(PgBackend):
    """breaks VAL-3: jsonb refuses U+0000, so its escape is taken out of the JSON before, and also
    out of an escaped backslash with a u0000 behind it, of which half remains.
    """

    data = r"replace(%(data)s, '\u0000', '')"
