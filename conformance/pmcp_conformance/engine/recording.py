"""A handle that records every operation, so that a failure can show what led to it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from pmcp_conformance.engine.call_log import CallLog
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.literals import expires_as_usual
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_storage import StorageBackend, TaskRecord, VersionedRecord

_SHOWN = 16
"""Lines that a report shows."""

_PLAIN = re.compile(r"[A-Za-z0-9-]+")
"""Owner ids of which there is nothing to see."""

T = TypeVar("T")


@dataclass
class Recording:
    """The operations of one rule in the order of their return, as lines of a script.

    Owner ids, which are long, are shown as the letters A, B and so on: only where lines are shown,
    for there may be hundreds of owners, and nearly all lines are forgotten.
    """

    watchdog: Watchdog
    owners: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = CallLog(self.owners)

    def note(
        self, handle: str, operation: str, args: Sequence[Any], outcome: str, **options: Any
    ) -> None:
        """Add an operation with its arguments; options that are None are not shown."""
        texts = [_shown(value) for value in args]
        given = {name: value for name, value in options.items() if value is not None}
        texts += [f"{name}={_shown(value)}" for name, value in given.items()]
        self.lines.append(f"{handle}.{operation}({', '.join(texts)})  # {outcome}")

    def name_owner(self, owner_id: str) -> None:
        """Show this owner by a letter from now on."""
        count = len(self.owners)
        letter = string.ascii_uppercase[count % 26] + (str(count // 26) if count >= 26 else "")
        self.owners.setdefault(owner_id, letter)

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Forget what was recorded so far: a report shows only what is recorded in here."""
        self.lines.clear()
        self.owners.clear()
        self.log.clear()
        yield

    def shorten(self, text: str) -> str:
        """The text with owner ids replaced by their letters, longest first."""
        for owner_id in sorted(self.owners, key=len, reverse=True):
            inner = repr(owner_id)[1:-1]
            text = text.replace(repr(owner_id), self.owners[owner_id])
            text = text.replace(inner, self.owners[owner_id])
        return text

    def shown(self) -> list[str]:
        """The lines for a report: the last ones, and the first where there are many."""
        lines = self.lines
        if (left_out := len(lines) - _SHOWN) > 0:
            lines = [*lines[:4], f"# … {left_out} more operations …", *lines[4 - _SHOWN :]]
        shortened = [self.shorten(line) for line in lines]
        return shortened + list(self._odd_owners("\n".join(shortened)))

    def _odd_owners(self, text: str) -> Iterator[str]:
        """What those of the letters in a text stand for whose characters may matter."""
        for owner_id, letter in self.owners.items():
            if not _PLAIN.fullmatch(owner_id) and re.search(rf"\b{letter}\b", text):
                yield f"# {letter} is {short(owner_id, 80)}"


def _shown(argument: Any) -> str:
    if isinstance(argument, TaskRecord):
        return record_text(argument, brief=expires_as_usual(argument))
    return short(argument, 80)


def record_text(record: TaskRecord, *, brief: bool = False) -> str:
    """A record as a call that says what matters in it; if `brief`, not when it expires."""
    parts = [repr(record.owner_id), short(record.task_id, 60), f"{record.status.value!r}"]
    parts.append(f"variables={short(record.variables, 60)}")
    if record.result is not None:
        parts.append(f"result={short(record.result, 40)}")
    expires_at = record.expires_at
    if not brief:
        parts.append(f"expires_at={expires_at.isoformat() if expires_at else None}")
    return f"record({', '.join(parts)})"


class RecordedBackend:
    """A handle on a backend with the same operations, each of them recorded and watched.

    `opened_by` is the method of the target that opens another like it, if there is one.
    """

    def __init__(
        self, backend: StorageBackend, recording: Recording, name: str, opened_by: str = ""
    ) -> None:
        self.unrecorded = backend
        self._recording = recording
        self.name = name
        self._opened_by = opened_by

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self._call("get", self.unrecorded.get, owner_id, task_id)

    def create(self, record: TaskRecord) -> int:
        return self._call("create", self.unrecorded.create, record)

    def put(self, record: TaskRecord) -> int:
        return self._call("put", self.unrecorded.put, record)

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        operation = self.unrecorded.put_if_version
        return self._call("put_if_version", operation, record, expected_version)

    def delete(self, owner_id: str, task_id: str) -> bool:
        return self._call("delete", self.unrecorded.delete, owner_id, task_id)

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        operation = self.unrecorded.list_by_owner
        return self._call("list_by_owner", operation, owner_id, limit=limit, after=after)

    def iter_by_owner(self, owner_id: str) -> Iterator[VersionedRecord]:
        return self._call("iter_by_owner", self.unrecorded.iter_by_owner, owner_id)

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        operation = self.unrecorded.count_by_owner
        return self._call("count_by_owner", operation, owner_id, live_at=live_at, at_most=at_most)

    def cleanup_expired(self) -> int:
        return self._call("cleanup_expired", self.unrecorded.cleanup_expired)

    def close(self) -> None:
        self._call("close", self.unrecorded.close)

    def _call(self, name: str, operation: Callable[..., T], *args: Any, **options: Any) -> T:
        def note(outcome: str) -> None:
            self._recording.note(self.name, name, args, outcome, **options)

        log = self._recording.log
        call = log.begin(self.name, self._opened_by, name, *args, **options)
        try:
            result = self._recording.watchdog.call(name, operation, *args, **options)
        except Exception as error:
            note(f"raised {type(error).__name__}: {str(error)[:120]}")
            log.end(call, log.literals.raised(error))
            raise
        note(f"-> {outcome_text(result)}")
        if isinstance(result, Iterator):
            log.end(call, "")
            entries = self._recording.watchdog.iterate(name, result)
            return cast("T", log.followed(call, entries))
        log.end(call, log.literals.returned(name, result), result)
        return result


def outcome_text(result: Any) -> str:
    """What an operation returned, in few words."""
    if isinstance(result, VersionedRecord):
        return f"{_entry_text(result)} {record_text(result.record)}"
    if isinstance(result, list):
        entries = ", ".join(_entry_text(entry) for entry in result[:8])
        more = f", … {len(result)} in all" if len(result) > 8 else ""
        return f"[{entries}{more}]"
    if isinstance(result, Iterator):
        return "an iterator"
    return short(result, 80)


def _entry_text(entry: Any) -> str:
    if not isinstance(entry, VersionedRecord) or not isinstance(entry.record, TaskRecord):
        return short(entry, 60)
    return f"{short(entry.record.task_id, 40)}@{entry.version}"
