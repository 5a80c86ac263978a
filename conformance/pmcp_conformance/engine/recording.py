"""A handle that notes every operation, so that a failure can show what led to it."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_storage import StorageBackend, TaskRecord, VersionedRecord

_SHOWN = 16

T = TypeVar("T")


@dataclass
class Recording:
    """The operations of one rule in the order of their return, as lines of a script."""

    watchdog: Watchdog
    owners: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def note(self, handle: str, operation: str, arguments: list[Any], outcome: str) -> None:
        texts = (self._shown(argument) for argument in arguments)
        shown = ", ".join(text for text in texts if text)
        self.lines.append(f"{handle}.{operation}({shown})  # {self.shorten(outcome)}")

    def name_owner(self, owner_id: str) -> None:
        """Show this owner by a letter from now on."""
        count = len(self.owners)
        letter = string.ascii_uppercase[count % 26] + (str(count // 26) if count >= 26 else "")
        self.owners.setdefault(owner_id, letter)

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Forget what was noted so far; what is noted in here is all that a report will show."""
        self.lines.clear()
        self.owners.clear()
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
        if len(self.lines) <= _SHOWN:
            return self.lines
        left_out = len(self.lines) - _SHOWN
        head, tail = self.lines[:4], self.lines[4 - _SHOWN :]
        return [*head, f"# … {left_out} more operations …", *tail]

    def _shown(self, argument: Any) -> str:
        if isinstance(argument, TaskRecord):
            return self.shorten(record_text(argument))
        return self.shorten(short(argument, 80))


def record_text(record: TaskRecord) -> str:
    """A record as a call that says what matters in it."""
    parts = [repr(record.owner_id), short(record.task_id, 60), f"{record.status.value!r}"]
    parts.append(f"variables={short(record.variables, 60)}")
    if record.result is not None:
        parts.append(f"result={short(record.result, 40)}")
    expires_at = record.expires_at
    parts.append(f"expires_at={expires_at.isoformat() if expires_at else None}")
    return f"record({', '.join(parts)})"


class RecordedBackend:
    """A backend's handle under the eyes of the kit: the same operations, each of them noted."""

    def __init__(self, backend: StorageBackend, trace: Recording, name: str) -> None:
        self.unrecorded = backend
        self._trace = trace
        self._name = name

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        call = self.unrecorded.get
        return self._noted("get", lambda: call(owner_id, task_id), owner_id, task_id)

    def create(self, record: TaskRecord) -> int:
        return self._noted("create", lambda: self.unrecorded.create(record), record)

    def put(self, record: TaskRecord) -> int:
        return self._noted("put", lambda: self.unrecorded.put(record), record)

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        call = self.unrecorded.put_if_version
        arguments = (record, expected_version)
        return self._noted("put_if_version", lambda: call(*arguments), *arguments)

    def delete(self, owner_id: str, task_id: str) -> bool:
        call = self.unrecorded.delete
        return self._noted("delete", lambda: call(owner_id, task_id), owner_id, task_id)

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        call = self.unrecorded.list_by_owner
        options = Named(limit=limit, after=after)
        return self._noted(
            "list_by_owner", lambda: call(owner_id, limit=limit, after=after), owner_id, options
        )

    def iter_by_owner(self, owner_id: str) -> Iterator[VersionedRecord]:
        return self._noted(
            "iter_by_owner", lambda: self.unrecorded.iter_by_owner(owner_id), owner_id
        )

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        call = self.unrecorded.count_by_owner
        options = Named(live_at=live_at, at_most=at_most)
        return self._noted(
            "count_by_owner",
            lambda: call(owner_id, live_at=live_at, at_most=at_most),
            owner_id,
            options,
        )

    def cleanup_expired(self) -> int:
        return self._noted("cleanup_expired", self.unrecorded.cleanup_expired)

    def close(self) -> None:
        self._noted("close", self.unrecorded.close)

    def _noted(self, operation: str, call: Callable[[], T], *arguments: Any) -> T:
        try:
            result = self._trace.watchdog.call(operation, call)
        except Exception as error:
            told = f"raised {type(error).__name__}: {str(error)[:120]}"
            self._trace.note(self._name, operation, list(arguments), told)
            raise
        self._trace.note(self._name, operation, list(arguments), f"-> {outcome_text(result)}")
        return result


class Named:
    """Keyword arguments, shown as such; those left at None are not shown."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def __repr__(self) -> str:
        given = self._values.items()
        return ", ".join(f"{name}={value!r}" for name, value in given if value is not None)


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
