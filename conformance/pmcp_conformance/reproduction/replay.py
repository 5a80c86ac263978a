"""What a script works with that makes the calls of a failed rule again.

Owners are fresh ones, so that the storage may be in use, and what is written is deleted at the end.
Instants are those of the run, moved by whole seconds to the present.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from pmcp_conformance.engine.literals import LIFETIME, REQUEST_METHOD, Literals, shortened
from pmcp_conformance.reproduction.loading import TargetError
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus, VersionedRecord

_UUID = re.compile("[0-9a-f]{32}", re.IGNORECASE)

Wire = TypeVar("Wire", Task, TaskRecord)

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
        self._returned: Any = None
        self.last = ""
        """What came of the last call."""
        self.target = _Recorder(partial(self._call, "target", target))

    def __enter__(self) -> Self:
        self._began = self._moved()
        self._literals = Literals(self._began, self._owners)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Delete what was written, and close the handles."""
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
        """A handle on the storage, as that method of the target opens it."""
        arguments = []
        if method == "open_fresh":
            self._tokens.append(uuid4().hex)
            arguments = self._tokens[-1:]
        handle = self._target.handle(method, *arguments)
        self._handles.append((name, handle))
        return _Recorder(partial(self._call, name, handle))

    def at(self, seconds: float) -> datetime:
        """The instant so many seconds after the begin."""
        return self._began + timedelta(seconds=seconds)

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
            "task": _validated(Task, task, task_extra or {}),
            "owner_id": "".join([*owner_id]),
            "variables": variables or {},
            "result": result,
            "request_method": request_method,
            "expires_at": expires_at,
        }
        return _validated(TaskRecord, record, extra or {})

    def change_given(self, look: TaskRecord) -> None:
        """Change the record that the last call was given, in place, until it looks so."""
        self._show("the record that was given is changed")
        for record in self._given:
            _change(record, look)

    def change_returned(self, look: TaskRecord) -> None:
        """Change the record that the last call returned, or the first of them, likewise."""
        self._show("the record that was returned is changed")
        entries = self._returned if isinstance(self._returned, list) else [self._returned]
        for entry in entries[:1]:
            if isinstance(entry, VersionedRecord):
                _change(entry.record, look)

    def clear_returned(self) -> None:
        """Empty the list that the last call returned."""
        self._show("the list that was returned is emptied")
        if isinstance(self._returned, list):
            self._returned.clear()

    def conclude(self, *, reported: str, correct: str, expected: str, observed: str) -> int:
        """Say whether the last call ended as in the report; returns the exit code."""
        shown = self.last == reported
        self._show(f"\nIn the run the last call {reported};\non a correct backend it {correct}.")
        self._show(f"The rule expects {expected}; it observed {observed}.\n")
        self._show("The violation shows again." if shown else "The violation does not show.")
        return SHOWN if shown else NOT_SHOWN

    def _call(self, name: str, thing: Any, operation: str, *args: Any, **options: Any) -> Any:
        code = self._literals.call(name, operation, args, options)
        self._note_keys(operation, args)
        self._given = [value for value in args if isinstance(value, TaskRecord)]
        looks = [self._literals.code(record) for record in self._given]
        self._returned = None
        try:
            result = getattr(thing, operation)(*args, **options)
            self._returned = list(result) if isinstance(result, Iterator) else result
            outcome = self._literals.returned(operation, self._returned)
        except Exception as error:
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
    """Something whose methods are called through a function that records them."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)


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


def _validated(kind: type[Wire], fields: dict[str, Any], extra: dict[str, Any]) -> Wire:
    """A task or a record of these fields, and of further ones, whatever these are called."""
    names = {name: str(field.validation_alias or name) for name, field in kind.model_fields.items()}
    values = {names[name]: value for name, value in fields.items()}
    return kind.model_validate({**values, **extra}, by_alias=True, by_name=False)


def _change(record: TaskRecord, look: TaskRecord) -> None:
    """Make the containers of a record look like another's, without replacing them."""
    _alter(record.variables, look.variables)
    _alter(record.result, look.result)
    _alter(record.model_extra, look.model_extra)
    _alter(record.task.meta, look.task.meta)
    _alter(record.task.model_extra, look.task.model_extra)


def _alter(container: Any, look: Any) -> None:
    if isinstance(container, dict) and isinstance(look, dict):
        for name in container.keys() - look.keys():
            del container[name]
        for name, value in look.items():
            if isinstance(value, dict | list) and type(container.get(name)) is type(value):
                _alter(container[name], value)
            else:
                container[name] = value
    elif isinstance(container, list) and isinstance(look, list):
        container[:] = look
