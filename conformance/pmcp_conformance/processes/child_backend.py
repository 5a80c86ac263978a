"""A child process that is used like any other handle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.processes.child import Child


class ChildBackend:
    """The operations of a child's handle, each of them noted in the trial's recording."""

    def __init__(self, trial: Trial, child: Child) -> None:
        self._recording = trial.recording
        self._child = child

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def operation(*args: Any) -> Any:
            attempt = Attempt.of(partial(self._child.call, name, *args))
            self._recording.note("child", name, list(args), str(attempt))
            return attempt.unwrap()

        operation.__name__ = name
        return operation
