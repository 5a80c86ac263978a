"""Mutants of VAL-3."""

from __future__ import annotations

import html
import os
import re
import unicodedata
from typing import Any
from urllib.parse import unquote

from mutants.base import (
    Altering,
    Recoding,
)
from mutants.postgres import PgBackend
from mutants.rules_val.val_1 import AlteringTask
from pmcp_storage import TaskRecord


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


class MessagesOf255(AlteringTask):
    """breaks VAL-3: a status message is cut at 255 characters."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        message = record.task.status_message
        return {"status_message": message and message[:255]}


class MethodsOf64(Altering):
    """breaks VAL-3: a request method is cut at 64 characters."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"request_method": record.request_method[:64]})


class TextInNfd(Recoding):
    """breaks VAL-3: text is decomposed to NFD, as by file systems."""

    def value(self, value: Any) -> Any:
        return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


class TextEntitiesUndone(Recoding):
    """breaks VAL-3: entities in text are undone."""

    def value(self, value: Any) -> Any:
        return html.unescape(value) if isinstance(value, str) else value


class ApostrophesDoubled(Recoding):
    """breaks VAL-3: apostrophes in text come back doubled, having been escaped twice."""

    def value(self, value: Any) -> Any:
        return value.replace("'", "''") if isinstance(value, str) else value


class TextPercentDecoded(Recoding):
    """breaks VAL-3: text is percent-decoded on its way."""

    def value(self, value: Any) -> Any:
        return unquote(value) if isinstance(value, str) else value


class TextInterpolated(Recoding):
    """breaks VAL-3: ${HOME} in text is replaced, as in files of settings."""

    def value(self, value: Any) -> Any:
        return os.path.expandvars(value) if isinstance(value, str) else value


class TextAsTemplate(Recoding):
    """breaks VAL-3: %% in text comes back as %, having been through formatting."""

    def value(self, value: Any) -> Any:
        return value.replace("%%", "%").replace("{{", "{") if isinstance(value, str) else value


class WordsAreBooleans(Recoding):
    """breaks VAL-3: the texts true, yes and off come back as booleans, as from YAML."""

    def value(self, value: Any) -> Any:
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        return words.get(value.lower(), value) if isinstance(value, str) else value


class FractionsInText(Recoding):
    """breaks VAL-3: text such as 1.50 or 1e3 comes back as a number."""

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+|e\d+)", value):
            return float(value)
        return value


class ControlsOfXml(Recoding):
    """breaks VAL-3: control characters that XML lacks are dropped, except those with a name."""

    def value(self, value: Any) -> Any:
        dropped = "[\x01-\x07\x0e-\x1a\x1c-\x1f]"
        return re.sub(dropped, "", value) if isinstance(value, str) else value


class ResultLosesItsLineEnd(Altering):
    """breaks VAL-3: the end of the line is taken off a result that is a text, as off the output of
    a command.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        result = record.result
        result = result.removesuffix("\n") if isinstance(result, str) else result
        return record.model_copy(update={"result": result})
