"""The end of a trial: records are deleted, handles closed and child processes ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog


class ChildProcess(Protocol):
    """A process that ends with the trial."""

    def close(self) -> None: ...

    def kill(self) -> None: ...


class Cleanup:
    """What is to be undone when a trial ends."""

    def __init__(self, run: TargetRun, watchdog: Watchdog) -> None:
        self.keys: dict[tuple[str, str], None] = {}
        """The keys that may have been written, to be deleted."""
        self._run = run
        self._watchdog = watchdog
        self._children: list[ChildProcess] = []
        self._last_calls: list[Callable[[], object]] = []

    def end_child(self, child: ChildProcess) -> None:
        """Let a child process end before the records are deleted."""
        self._children.append(child)

    def call_last(self, call: Callable[[], object]) -> None:
        """Make a call that touches the storage, and is watched, after the records are deleted."""
        self._last_calls.append(call)

    def finish(self, *, passed: bool) -> None:
        """Undo it all.

        The handle that the rules share is replaced unless the rule `passed`, for it may no longer
        be usable. Raises Hang if the storage does not answer, and Inconclusive if something else
        fails that is not the backend's doing.
        """
        try:
            if not self._watchdog.abandoned:
                self._watchdog.run(partial(self._undo, passed))
        finally:
            if self._watchdog.abandoned:
                self.abandon()

    def _undo(self, passed: bool) -> None:
        for child in self._children:
            child.close()
        if not passed:
            self._watchdog.call("close", self._run.discard_handle)
        self._delete_all()
        failures = list[Inconclusive]()
        for call in self._last_calls:
            try:
                call()
            except Inconclusive as why:
                failures.append(why)
        for failure in failures:
            raise failure

    def _delete_all(self) -> None:
        for owner_id, task_id in self.keys:
            try:
                self._watchdog.call("delete", self._run.handle().delete, owner_id, task_id)
            except Exception:
                # The last look at every owner reports what stayed, and tries once more.
                self._run.discard_handle()

    def abandon(self) -> None:
        """End what can be ended without asking a storage that does not answer."""
        self._watchdog.abandoned = True
        for child in self._children:
            child.kill()
            child.close()
        self._run.forget_handle()
