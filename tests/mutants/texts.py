"""Mutants of VAL: strings, encodings, and fields that this version does not know."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import unicodedata
from typing import Any

from mutants.base import Altering, Recoding, Seamed
from pmcp_storage import NotFoundError, Task, TaskRecord, VersionedRecord


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


def without_extra(record: TaskRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in TaskRecord.model_fields}


class UnknownFieldsDropped(Altering):
    """breaks VAL-12: writing drops fields that this version does not know, so an older server
    spoils the records of a newer one.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        return TaskRecord(**without_extra(record))


class UnknownTaskFieldsDropped(Altering):
    """breaks VAL-12: fields unknown to the record are kept, those of its task are not."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        task = Task(**{name: getattr(record.task, name) for name in Task.model_fields})
        return record.model_copy(update={"task": task})


class UnknownFieldsUnread(Seamed):
    """breaks VAL-12: get drops fields that it does not know, so changing a record loses them."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if found is None:
            raise NotFoundError(owner_id, task_id)
        return VersionedRecord(TaskRecord(**without_extra(found.record)), found.version)
