"""The target as a rule sees it: its methods are watched, and blamed for what is not the backend's.

An error out of a method that has not come to the backend, and a hang there, leave the rule
inconclusive. What a backend raises while it is opened or looked into is the rule's to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from pmcp_conformance.engine.call_log import CallLog
from pmcp_conformance.engine.origins import is_backends, places
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Hang, Watchdog
from pmcp_conformance.target import BackendTarget

_BACK_DOORS = ("address", "dispose_fresh", "plant", "stored_expiry")
"""The methods that a rule calls by themselves; those that open a handle go through `handle`."""

_ON_ROWS = ("plant", "stored_expiry")
"""Those that write or read a row."""

T = TypeVar("T")


class WatchedTarget:
    """A target with the same facts and methods, each method under a rule's watchdog.

    What a rule does on rows by way of the target goes into the log of its calls.
    """

    def __init__(self, target: BackendTarget, watchdog: Watchdog, log: CallLog) -> None:
        self._target = target
        self._watchdog = watchdog
        self._log = log

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in _BACK_DOORS:
            return found
        call = partial(self._call, name, found)
        return partial(self._logged, name, call) if name in _ON_ROWS else call

    def handle(self, method: str = "open", *args: Any) -> Any:
        """A handle from `open`, or from a back door that opens one."""
        return self._call(method, self._target.handle, method, *args)

    def _logged(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        logged = self._log.begin("target", "itself", name, *args)
        try:
            result = call(*args)
        except Exception as error:
            self._log.end(logged, self._log.literals.raised(error))
            raise
        self._log.end(logged, self._log.literals.returned(name, result))
        return result

    def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        try:
            with self._watchdog.watching(f"{name}() of the target", of_target=True):
                return method(*args)
        except Exception as error:
            if is_backends(error) or name == "open_misconfigured":  # which ERR-4 judges
                raise
            raise Inconclusive(failure_of(name, error)) from error


def call_watched(name: str, method: Callable[[], T], answer_within: float) -> T:
    """Call a method of the target outside of any rule, and in this thread if it is the main one.

    `answer_within` is how many seconds it should take at most. Returns and raises what the method
    does, or raises Hang, or TimeoutError where the machine was too busy to tell.
    """
    watchdog = Watchdog(answer_within)

    def call() -> T:
        with watchdog.watching(f"{name}() of the target", of_target=True):
            return method()

    try:
        return watchdog.run_here(call)
    except Inconclusive as inconclusive:
        raise TimeoutError(inconclusive.reason) from inconclusive


def failure_of(name: str, error: Exception) -> str:
    """How a method of the target has failed, in a sentence: with which error, or where it hangs."""
    if isinstance(error, Hang):
        return str(error)
    where = places(error)
    at = f" (at {where})" if where else ""
    return f"{name}() failed with {type(error).__name__}: {error}{at}"
