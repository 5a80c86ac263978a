"""A call and what came of it: a result or an error, and what that says of a write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pmcp_conformance.engine.recording import outcome_text
from pmcp_storage import BackendError, OutcomeUnknownError

_PAUSE = 0.005
"""Seconds after a failure until the next try: others have what it failed for."""

T = TypeVar("T")

Call = Callable[[], object]
"""An operation with its arguments, ready to be called."""


@dataclass(frozen=True)
class Attempt:
    """A call and what came of it."""

    result: Any = None
    error: Exception | None = None
    operation: str = field(default="", compare=False)
    """The name of what was called, for a report; "" where it has none."""

    @classmethod
    def of(cls, call: Callable[[], object]) -> Attempt:
        """Make the call, and keep what it returns or raises."""
        try:
            return cls(call(), operation=_name_of(call))
        except Exception as error:
            return cls(error=error, operation=_name_of(call))

    def unwrap(self) -> Any:
        """What the call returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.result

    @property
    def unknown(self) -> bool:
        """Whether nobody knows if the call was applied."""
        return isinstance(self.error, OutcomeUnknownError)

    @property
    def failed(self) -> bool:
        """Whether the storage failed, which says that the call was not applied."""
        return isinstance(self.error, BackendError) and not self.unknown

    @property
    def named(self) -> str:
        """The same text with the operation's name before it."""
        return f"{self.operation} {self}".lstrip()

    def __str__(self) -> str:
        if self.error is not None:
            return f"raised {type(self.error).__name__}: {self.error}"
        return f"returned {outcome_text(self.result)}"


def explained(attempts: Iterable[Attempt]) -> list[str]:
    """The attempts as lines of a report."""
    return [f"contender {number}: {attempt.named}" for number, attempt in enumerate(attempts)]


def _name_of(call: object) -> str:
    """The name of the operation; what makes another call for somebody takes that one last."""
    while isinstance(call, partial):
        call = call.args[-1] if call.args and callable(call.args[-1]) else call.func
    name: str = getattr(call, "__name__", "")
    return name if name.isidentifier() else ""


def raise_unexpected(attempts: list[Attempt]) -> None:
    """Raise the first error that is neither a failure of the storage nor an unknown outcome."""
    for attempt in attempts:
        if attempt.error is not None and not attempt.failed and not attempt.unknown:
            raise attempt.error


def repeated(call: Callable[[], T], times: int = 100) -> T:
    """What the call returns, made again where the storage has failed, for others may be in its way.

    Raises what the last of so many attempts raises, and at once that an outcome is unknown.
    """
    for _ in range(times - 1):
        try:
            return call()
        except OutcomeUnknownError:
            raise
        except BackendError:
            time.sleep(_PAUSE)
    return call()
