"""Values as Python code: what a call was given, and what it returned or raised.

Code is made of literals and three helpers, which `reproduction.Replay` has: `record(…)` makes a
record, `at(…)` is an instant in seconds from the begin of the run, `instant(…)` is one of the
calendar. Owner ids, which are long, stand as the letters A, B and so on. Errors show what a
contract says of them, and no message: a driver's may name a host or a user.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

from pmcp_conformance.engine.comparison import common_start
from pmcp_storage import Task, TaskRecord, TaskStatus, VersionedRecord

LIFETIME = timedelta(minutes=50)
"""Until a record of a trial expires: within the hour, so that even a killed run cleans up."""

REQUEST_METHOD = "tools/call"

_NEAR = timedelta(days=2)
"""How far from the begin of a run an instant still moves with it."""

_MOST = 800
"""Characters of an outcome; of a longer one the begin is shown, and the rest as a digest."""

_RUN = re.compile(r"(.)\1{99,}", re.DOTALL)
"""So often the same character that nobody wants to read it."""

_BLOCK = 50
"""Characters of which a run always fills one block at least, wherever it begins."""

_FACTS = ("owner_id", "task_id", "expected_version", "actual_version", "size", "limit")
"""The attributes of errors that the contract names."""


class NotPlainError(ValueError):
    """A value that no literal stands for; the message says what it is."""


@dataclass
class Literals:
    """Writes values down; `began` is when the run of a rule began, `owners` names owner ids."""

    began: datetime
    owners: dict[str, str]
    with_offsets: bool = False
    """Whether instants are told with their offsets from UTC, which storages need not keep."""

    _searched_for: tuple[int, str] = (0, "")
    _in_common: str = ""

    @cached_property
    def _exact(self) -> Literals:
        return replace(self, with_offsets=True)

    def code(self, value: Any) -> str:
        """The value as code. Raises NotPlainError."""
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind in (bool, int, bytes) or (kind is float and math.isfinite(value)):
            return repr(value)
        if kind is list:
            return f"[{', '.join(map(self.code, value))}]"
        if kind is dict:
            return f"{{{', '.join(f'{self.code(k)}: {self.code(v)}' for k, v in value.items())}}}"
        if kind is datetime and value.utcoffset() is not None:
            return self._instant(value)
        if kind is TaskRecord:
            return self._record(value)
        if kind is Task:
            holder = TaskRecord(task=value, owner_id="nobody", request_method=REQUEST_METHOD)
            return f"{self._record(holder)}.task"
        raise NotPlainError(f"a {kind.__name__}")

    def call(
        self, handle: str, operation: str, args: tuple[Any, ...], options: dict[str, Any]
    ) -> str:
        """A call as code. Raises NotPlainError."""
        exact = self._exact
        given = {name: value for name, value in options.items() if value is not None}
        texts = [*map(exact.code, args), *exact._named(given)]
        return f"{handle}.{operation}({', '.join(texts)})"

    def returned(self, operation: str, result: Any) -> str:
        """What a call returned, to be read and compared."""
        if operation == "stored_expiry" and type(result) is float:
            with suppress(ValueError, OverflowError):
                result = datetime.fromtimestamp(result, UTC)
        return f"returned {self._result(result)}"

    def raised(self, error: Exception) -> str:
        """What a call raised, without its message."""
        facts = [getattr(error, name) for name in _FACTS if hasattr(error, name)]
        return f"raised {type(error).__name__}({', '.join(map(self._result, facts))})"

    def _result(self, result: Any) -> str:
        if isinstance(result, VersionedRecord):
            return f"version {self._result(result.version)} of {self._result(result.record)}"
        if type(result) is list:
            return f"[{', '.join(map(self._result, result))}]"
        try:
            return self.code(result)
        except ValueError:
            return f"a {type(result).__name__}"

    def _text(self, text: str) -> str:
        if text in self.owners:
            return self.owners[text]
        for owner in sorted(self._owners_in(text), key=len, reverse=True)[:1]:
            letter = self.owners[owner]
            marked = repr(text.replace(owner, f"<{letter}>"))
            return f"{marked}.replace('<{letter}>', {letter})"
        return text_code(text)

    def _owners_in(self, text: str) -> list[str]:
        """The owner ids that are a part of the text, which is searched for all of them at once: it
        may have a megabyte, and there may be hundreds of them."""
        newest = len(self.owners), next(reversed(self.owners), "")
        if newest != self._searched_for:
            self._searched_for = newest
            first, last = min(self.owners, default=""), max(self.owners, default="")
            self._in_common = common_start(first, last)
        return [owner for owner in self.owners if owner in text] if self._in_common in text else []

    def _instant(self, instant: datetime) -> str:
        offset = instant - self.began
        if abs(offset) < _NEAR:
            hours = (instant.utcoffset() or timedelta(0)) / timedelta(hours=1)
            told = f", utc_offset={hours:g}" if hours and self.with_offsets else ""
            return f"at({_seconds(offset)}{told})"
        return f"instant({instant.astimezone(UTC).isoformat()!r})"

    def _record(self, record: TaskRecord) -> str:
        task, created = record.task, record.task.created_at
        given = [self.code(record.owner_id), self.code(task.task_id)]
        at = created
        if record.expires_at is not None and expires_as_usual(record):
            at = record.expires_at - LIFETIME
        if abs(at - self.began) < _NEAR:
            given.append(f"at={_seconds(at - self.began)}")
        fields = {
            name: value
            for name, (value, usual) in self._fields(record, task, at).items()
            if type(value) is not type(usual) or value != usual
        }
        return f"record({', '.join([*given, *self._named(fields)])})"

    def _fields(self, record: TaskRecord, task: Task, at: datetime) -> dict[str, tuple[Any, Any]]:
        """The fields by the names that `record` knows them by, each with its usual value."""
        usual_at = at if abs(at - self.began) < _NEAR else self.began
        return {
            "status": (task.status.value, TaskStatus.WORKING.value),
            "status_message": (task.status_message, None),
            "created_at": (task.created_at, _cut(usual_at)),
            "last_updated_at": (task.last_updated_at, _cut(usual_at)),
            "ttl": (task.ttl, None),
            "poll_interval": (task.poll_interval, None),
            "meta": (task.meta, None),
            "task_extra": (task.model_extra or {}, {}),
            "variables": (record.variables, {}),
            "result": (record.result, None),
            "request_method": (record.request_method, REQUEST_METHOD),
            "expires_at": (record.expires_at, usual_at + LIFETIME),
            "extra": (record.model_extra or {}, {}),
        }

    def _named(self, fields: dict[str, Any]) -> list[str]:
        return [f"{name}={self.code(value)}" for name, value in fields.items()]


def expires_as_usual(record: TaskRecord) -> bool:
    """Whether a record of a trial expires when those do of whose expiry the rule says nothing."""
    if record.expires_at is None:
        return False
    later = record.expires_at - record.task.created_at - LIFETIME
    return timedelta(0) <= later < timedelta(milliseconds=1)


def shortened(text: str) -> str:
    """An outcome of bounded length, of which two are equal only if the whole texts are."""
    if len(text) <= _MOST:
        return text
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{text[: _MOST // 2]}… ({len(text)} characters, SHA-256 {digest}…)"


def text_code(text: str) -> str:
    """A string as code, long runs of one character as a product."""
    parts, begin = [], 0
    for run in _RUN.finditer(text) if _has_a_block_of_one_character(text) else ():
        parts += [repr(text[begin : run.start()])] if run.start() > begin else []
        parts.append(f"{run[1]!r} * {len(run[0])}")
        begin = run.end()
    if not parts:
        return repr(text)
    parts += [repr(text[begin:])] if begin < len(text) else []
    return f"({' + '.join(parts)})"


def _has_a_block_of_one_character(text: str) -> bool:
    """Whether to look for runs at all, which takes several times as long."""
    begins = range(0, len(text) - _BLOCK + 1, _BLOCK)
    return any(text.startswith(text[begin] * _BLOCK, begin) for begin in begins)


def _cut(instant: datetime) -> datetime:
    """The instant as a task keeps it, to the millisecond."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _seconds(offset: timedelta) -> str:
    """An offset in seconds, to the microsecond."""
    return f"{offset / timedelta(seconds=1):.6f}".rstrip("0").removesuffix(".")
