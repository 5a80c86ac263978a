"""The calls of a rule as code, so that they can be made again without the kit's rules.

Within bounds: of a rule that makes very many calls only the last ones are kept, those on the owner
that it uses then. What plain calls cannot do again ends the log, and it says why.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from pmcp_conformance.engine.literals import Literals, NotPlainError, shortened
from pmcp_conformance.report.results import Call, CallsMade
from pmcp_storage import TaskRecord, VersionedRecord

_MOST_CALLS = 400

_MOST_CHARACTERS = 60_000

_PAUSE = 0.05
"""Seconds between two calls that are no accident: the rule has waited."""

T = TypeVar("T")


@dataclass
class LoggedCall:
    """A call under way, or one that has ended."""

    code: str
    given: list[TaskRecord]
    """The records among its arguments."""

    looked: list[str]
    """How these looked before, as JSON."""

    outcome: str = ""
    returned: TaskRecord | None = None
    """The record that it returned, or the first of them."""

    returned_look: str = ""
    entries: list[Any] = field(default_factory=list)
    """The list that it returned."""

    length: int = 0
    """How long that was."""


@dataclass
class CallLog:
    """The calls of one rule on its handles; `owners` has the names of owner ids."""

    owners: dict[str, str]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    handles: dict[str, str] = field(default_factory=dict)
    """How each handle was opened: by which method of the target."""

    calls: list[LoggedCall] = field(default_factory=list)
    missing: str = ""
    """Why the calls cannot be made again; empty if they can."""

    _characters: int = 0
    _thread: int = 0
    _ended: float = 0.0

    def __post_init__(self) -> None:
        self.literals = Literals(self.began, self.owners)

    def begin(
        self, handle: str, opened_by: str, operation: str, *args: Any, **options: Any
    ) -> LoggedCall | None:
        """Note a call that is about to be made; None if the log has ended."""
        if self.missing or not self._can_follow(opened_by):
            return None
        self._note_changes()
        self._note_pause()
        name = handle.replace(" ", "_")
        self.handles[name] = opened_by
        try:
            code = self.literals.call(name, operation, args, options)
        except ValueError as error:
            self._end(f"an argument cannot be written as code: {error}")
            return None
        given = [value for value in args if type(value) is TaskRecord]
        return self._added(LoggedCall(code, given, [self._look(record) for record in given]))

    def note(self, code: str, outcome: str = "") -> None:
        """Note what the rule has done by other means than a call on a recorded handle."""
        if not self.missing:
            self._added(LoggedCall(code, [], [], outcome))
            self._ended = time.monotonic()

    def end(self, call: LoggedCall | None, outcome: str, result: Any = None) -> None:
        """Note what a call returned or raised, and whether it changed what it was given.

        The outcome is empty where it cannot be known, as that of an iterator that nobody reads.
        """
        if call is None:
            return
        looks = [self._look(record) for record in call.given]
        if looks != call.looked:
            outcome += f", and made its record {', '.join(map(self._code, call.given))}"
            call.looked = looks
        call.outcome = shortened(outcome)
        call.returned = _first_record(result)
        call.returned_look = self._look(call.returned)
        if type(result) is list:
            call.entries, call.length = result, len(result)
        self._characters += len(call.outcome)
        self._ended = time.monotonic()
        self._keep_bounds()

    def followed(self, call: LoggedCall | None, entries: Iterator[T]) -> Iterator[T]:
        """The entries of an iterator; once all are read they are what the call returned."""
        read = list[T]()
        for entry in entries:
            read.append(entry)
            if call and call.returned is None:
                call.returned = _first_record(read)
                call.returned_look = self._look(call.returned)
            yield entry
        if call:
            call.outcome = shortened(self.literals.returned("iter_by_owner", read))

    def clear(self) -> None:
        """Forget all calls, and begin anew."""
        self.calls.clear()
        self.missing, self._characters, self._ended = "", 0, 0.0

    def made(self) -> CallsMade:
        """The calls as plain data."""
        calls = [] if self.missing else [Call(call.code, call.outcome) for call in self.calls]
        text = "\n".join(call.code + call.outcome for call in calls)
        owners = {name: owner for owner, name in self.owners.items() if name in text}
        handles = {name: how for name, how in self.handles.items() if is_named(name, text)}
        return CallsMade(self.began.isoformat(), owners, handles, calls, self.missing)

    def _can_follow(self, opened_by: str) -> bool:
        thread = threading.get_ident()
        self._thread = self._thread or thread
        if thread != self._thread:
            self._end("the rule calls from several threads")
        elif not opened_by:
            self._end("the rule calls on a handle that only the kit can open")
        return not self.missing

    def _note_pause(self) -> None:
        waited = time.monotonic() - self._ended
        if self._ended and waited > _PAUSE:
            self._added(LoggedCall(f"pause({waited:.3f})", [], []))

    def _note_changes(self) -> None:
        """What the rule itself has changed in the objects of the last call."""
        for call in self.calls[-1:]:
            for record, look in zip(call.given, call.looked, strict=True):
                self._note_change("change_given", record, look)
            if call.length and not call.entries:
                self._added(LoggedCall("clear_returned()", [], []))
            if call.returned is not None:
                self._note_change("change_returned", call.returned, call.returned_look)

    def _note_change(self, name: str, record: TaskRecord, former: str) -> None:
        if self._look(record) != former:
            self._added(LoggedCall(f"{name}({self._code(record)})", [], []))

    def _look(self, record: TaskRecord | None) -> str:
        # Not as code, which takes longer, and nearly always nothing has changed.
        with suppress(ValueError):
            return "" if record is None else record.model_dump_json()
        return ""

    def _code(self, record: TaskRecord) -> str:
        with suppress(NotPlainError):
            return self.literals.code(record)
        return ""

    def _added(self, call: LoggedCall) -> LoggedCall:
        self.calls.append(call)
        self._characters += len(call.code)
        return call

    def _keep_bounds(self) -> None:
        if self._fits() or not self.owners:
            return
        newest = re.compile(rf"\({[*self.owners.values()][-1]}\b")
        self.calls = [call for call in self.calls if newest.search(call.code)]
        self._characters = sum(len(call.code) + len(call.outcome) for call in self.calls)
        if not self._fits():
            self._end("the calls that led there are too many, or their records too large")

    def _fits(self) -> bool:
        return len(self.calls) <= _MOST_CALLS and self._characters <= _MOST_CHARACTERS

    def _end(self, why: str) -> None:
        self.missing = why
        self.calls.clear()


def is_named(name: str, code: str) -> bool:
    """Whether code uses a handle of that name."""
    return bool(re.search(rf"\b{name}\b[.,]", code))


def _first_record(result: Any) -> TaskRecord | None:
    first = result[0] if type(result) is list and result else result
    return first.record if isinstance(first, VersionedRecord) else None
