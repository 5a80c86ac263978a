"""What a script works with that makes the calls of a failed rule again.

Owners are fresh ones, so that the storage may be in use, and what is written is deleted at the end.
Instants are those of the run, moved by whole seconds to the present.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, partial
from itertools import chain
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from pmcp_conformance.engine.literals import LIFETIME, REQUEST_METHOD, Literals, shortened
from pmcp_conformance.engine.time_zone import going_back, local_time_zone
from pmcp_conformance.engine.traces import Traces, logged, outcome_of_examination
from pmcp_conformance.reproduction.loading import TargetError
from pmcp_conformance.reproduction.records import change, validated
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus, VersionedRecord

_UUID = re.compile("[0-9a-f]{32}", re.IGNORECASE)

SHOWN, NOT_SHOWN, NOT_TRIED = 1, 0, 2
"""The exit codes of a script: whether the violation has shown again."""


class Replay:
    """Calls that are made again on a target; `began` is when the rule began in the run.

    Where the calls wait, `paced` has them begin at the same fraction of a second as in the run.
    `show` prints what is called and what comes of it.
    """

    def __init__(
        self,
        target: BackendTarget,
        began: str,
        *,
        paced: bool = False,
        show: Callable[[str], object] = print,
    ) -> None:
        self._target = target
        self._recorded = datetime.fromisoformat(began)
        self._paced = paced
        self._show = show
        self._owners: dict[str, str] = {}
        self._uuids: dict[str, str] = {}
        self._handles: list[tuple[str, StorageBackend]] = []
        self._tokens: list[str] = []
        self._keys: dict[tuple[str, str], None] = {}
        self._given: list[TaskRecord] = []
        self._thing: Any = None
        self._returned: Any = None
        self._error: Exception | None = None
        self._logs: list[list[str]] = []
        self._time_zone = ExitStack()
        self._listening = ExitStack()
        self.last = ""
        """What came of the last call."""
        self.target = _Recorder(self._call, "target", lambda: target)

    def __enter__(self) -> Self:
        self._began = self._moved()
        self._literals = Literals(self._began, self._owners)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Delete what was written, and close the handles."""
        self._time_zone.close()
        self._listening.close()
        with suppress(Exception):
            handle = self._target.handle()
            self._handles.append(("open", handle))
            for key in self._keys:
                with suppress(Exception):
                    handle.delete(*key)
        for _name, handle in self._handles:
            with suppress(Exception):
                handle.close()
        for token in self._tokens:
            with suppress(Exception):
                self._target.dispose_fresh(token)

    def owner(self, name: str, recorded: str) -> str:
        """An owner id like the one of the run, its UUID a fresh one."""
        fresh = _UUID.sub(self._fresh_uuid, recorded)
        self._owners[fresh] = name
        return fresh

    def handle(self, name: str, method: str = "open") -> Any:
        """A handle on the storage, as that method of the target opens it for its first call."""
        return _Recorder(self._call, name, cache(partial(self._opened, name, method)))

    def _opened(self, name: str, method: str) -> StorageBackend:
        arguments = []
        if method == "open_fresh":
            self._tokens.append(uuid4().hex)
            arguments = self._tokens[-1:]
        handle = self._target.handle(method, *arguments)
        self._handles.append((name, handle))
        self._logs.append(self._listening.enter_context(logged(handle)))
        return handle

    def at(self, seconds: float, utc_offset: float = 0.0) -> datetime:
        """The instant so many seconds after the begin, told with that offset, in hours."""
        instant = self._began + timedelta(seconds=seconds)
        return instant.astimezone(timezone(timedelta(hours=utc_offset)))

    def instant(self, text: str) -> datetime:
        """An instant of the calendar."""
        return datetime.fromisoformat(text)

    def pause(self, seconds: float) -> None:
        """Wait as long as the rule has waited."""
        self._show(f"pause({seconds})")
        time.sleep(seconds)

    def record(
        self,
        owner_id: str,
        task_id: str,
        *,
        at: float = 0.0,
        variables: dict[str, Any] | None = None,
        result: Any = None,
        request_method: str = REQUEST_METHOD,
        extra: dict[str, Any] | None = None,
        task_extra: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TaskRecord:
        """A record made so many seconds after the begin, to expire 50 minutes later.

        `fields` are the task's, and `expires_at`; `extra` are such that this version knows not.
        """
        made = self.at(at)
        expires_at = fields.pop("expires_at", made + LIFETIME)
        usual = {"status": TaskStatus.WORKING, "created_at": made, "last_updated_at": made}
        # As in a server, equal ids are different objects.
        task = {"task_id": "".join([*task_id]), **usual, **fields}
        record = {
            "task": validated(Task, task, task_extra or {}),
            "owner_id": "".join([*owner_id]),
            "variables": variables or {},
            "result": result,
            "request_method": request_method,
            "expires_at": expires_at,
        }
        return validated(TaskRecord, record, extra or {})

    def change_given(self, look: TaskRecord) -> None:
        """Change the record that the last call was given, in place, until it looks so."""
        self._show("the record that was given is changed")
        for record in self._given:
            change(record, look)

    def change_returned(self, look: TaskRecord) -> None:
        """Change the record that the last call returned, or the first of them, likewise."""
        self._show("the record that was returned is changed")
        entries = self._returned if isinstance(self._returned, list) else [self._returned]
        for entry in entries[:1]:
            if isinstance(entry, VersionedRecord):
                change(entry.record, look)

    def clear_returned(self) -> None:
        """Empty the list that the last call returned."""
        self._show("the list that was returned is emptied")
        if isinstance(self._returned, list):
            self._returned.clear()

    def many_tasks(self, handle: Any, record: TaskRecord, count: int) -> None:
        """Create so many records like this one, each of another task."""
        ids = [f"t{number:05}" for number in range(count)]
        self._keys |= {(record.owner_id, task_id): None for task_id in ids}
        changes = [{"task": record.task.model_copy(update={"task_id": id})} for id in ids]
        self._create_many(handle, record, changes)

    def many_owners(self, handle: Any, record: TaskRecord, count: int) -> None:
        """Create so many records like this one, each of another owner, on fresh storage."""
        self._create_many(handle, record, [{"owner_id": f"owner {n}"} for n in range(count)])

    def _create_many(self, handle: Any, record: TaskRecord, changes: list[dict[str, Any]]) -> None:
        self._show(f"{len(changes)} records are created")
        create = handle.unrecorded.create
        for of_one in changes:
            create(record.model_copy(update=of_one))

    def time_zone(self, zone: str | datetime) -> None:
        """Go on in that time zone, or in one whose clocks go back at that instant."""
        self._show(f"time_zone({zone!r})")
        self._time_zone.close()
        named = zone if isinstance(zone, str) else going_back(zone)
        self._time_zone.enter_context(local_time_zone(named))

    def examine(self, name: str) -> None:
        """Look at what the last call has left behind, as the rule has done.

        For the "secret" of a record in an error, a log or a handle's repr, for "duplicates" of the
        error by pickle and copy, for its "cause" and its "message".
        """
        log = list(chain.from_iterable(self._logs))
        traces = Traces(self._thing, self._error, self._returned, log)
        self.last = outcome_of_examination(name, traces)
        self._show(f"examine({name!r})\n    {self.last}")

    def conclude(self, *, reported: str, correct: str, expected: str, observed: str) -> int:
        """Say whether the last call ended as in the report; returns the exit code."""
        shown = self.last == reported
        self._show(f"\nIn the run the last call {reported};\non a correct backend it {correct}.")
        self._show(f"The rule expects {expected}; it observed {observed}.\n")
        self._show("The violation shows again." if shown else "The violation does not show.")
        return SHOWN if shown else NOT_SHOWN

    def _call(self, name: str, thing: Any, operation: str, *args: Any, **options: Any) -> Any:
        self._thing, self._returned, self._error = thing, None, None
        code = self._literals.call(name, operation, args, options)
        self._note_keys(operation, args)
        self._given = [value for value in args if isinstance(value, TaskRecord)]
        looks = [self._literals.code(record) for record in self._given]
        try:
            result = getattr(thing, operation)(*args, **options)
            self._returned = list(result) if isinstance(result, Iterator) else result
            outcome = self._literals.returned(operation, self._returned)
        except Exception as error:
            self._error = error
            outcome = self._literals.raised(error)
        after = [self._literals.code(record) for record in self._given]
        if after != looks:
            outcome += f", and made its record {', '.join(after)}"
        self.last = shortened(self._in_terms_of_the_run(outcome))
        self._show(f"{code}\n    {self.last}")
        return self._returned

    def _note_keys(self, operation: str, args: tuple[Any, ...]) -> None:
        for value in args:
            if isinstance(value, TaskRecord):
                self._keys[value.owner_id, value.task_id] = None
        if operation == "plant":
            self._keys[args[0], args[1]] = None

    def _fresh_uuid(self, found: re.Match[str]) -> str:
        recorded = found[0]
        fresh = self._uuids.setdefault(recorded.lower(), uuid4().hex)
        return fresh.upper() if recorded == recorded.upper() != recorded.lower() else fresh

    def _in_terms_of_the_run(self, text: str) -> str:
        """What came of a call, with the owners of the run in place of the fresh ones."""
        for recorded, fresh in self._uuids.items():
            text = text.replace(fresh, recorded).replace(fresh.upper(), recorded.upper())
        return text

    def _moved(self) -> datetime:
        """The begin of the rule, moved by whole seconds to the present."""
        now = datetime.now(UTC)
        moved = self._recorded + timedelta(seconds=(now - self._recorded) // timedelta(seconds=1))
        if self._paced and moved < now:
            moved += timedelta(seconds=1)
            time.sleep((moved - now).total_seconds())
        return moved


class _Recorder:
    """Something that is had when first used, and whose methods a function calls and records."""

    def __init__(self, call: Callable[..., Any], name: str, had: Callable[[], Any]) -> None:
        self._call = call
        self._name = name
        self._had = had

    @property
    def unrecorded(self) -> Any:
        return self._had()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, self._name, self._had(), operation)


@contextmanager
def opened(target: BackendTarget) -> Iterator[BackendTarget]:
    """The target, prepared and afterwards disposed of. Raises TargetError if it is unavailable."""
    if reason := target.unavailable():
        raise TargetError(reason)
    target.prepare()
    try:
        yield target
    finally:
        target.dispose()


def run_script(load: Callable[[], BackendTarget], calls: Callable[[BackendTarget], int]) -> int:
    """Make the calls on a target; returns what they return, or NOT_TRIED."""
    with ExitStack() as stack:
        try:
            target = stack.enter_context(opened(load()))
        except Exception as error:
            print(f"the calls cannot be made: {type(error).__name__}: {error}")
            return NOT_TRIED
        return calls(target)
