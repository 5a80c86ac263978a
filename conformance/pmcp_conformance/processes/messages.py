"""What a rule's process and its children send each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pmcp_conformance.interleaving.yield_points import YieldPoint


@dataclass(frozen=True)
class MethodCall:
    """A method of a child's handle, or one of `child_main`'s own, and its arguments."""

    method: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class CallRequest:
    """Make these calls; the answer is an Attempt, that of the last one or the first that fails.

    The first is not made before the instant `not_before`, in nanoseconds of `time.monotonic_ns`.
    """

    calls: Sequence[MethodCall]
    not_before: int = 0


@dataclass(frozen=True)
class PauseRequest:
    """Make these calls, and at that yield point of the backend's code pause, or be killed.

    The answer is a Paused and an Attempt, as for a CallRequest. The child goes on after the pause
    when it is sent a Resume.
    """

    calls: Sequence[MethodCall]
    at: YieldPoint
    killed: bool


@dataclass(frozen=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True)
class Paused:
    """Where a child has come to its yield point, as `store.py:41`; "" if it did not come there."""

    where: str


@dataclass(frozen=True)
class PlanRequest:
    """Make these calls one after the other until killed, whatever comes of them.

    The answer is a StepBegun and a StepDone for each, or an OpeningFailed. If `few` of them, the
    first ones, do not come to all of the lines that the others come to, the child dies at such a
    line, unless it is one of the `known` ones, and says so by a Paused.
    """

    plan: Sequence[MethodCall]
    few: int = 0
    known: Collection[str] = ()


@dataclass(frozen=True)
class ForkRequest:
    """Fork, and let the fork, which has the same handle, take the connection that follows; the
    answer is an Attempt."""


@dataclass(frozen=True)
class OpeningFailed:
    """The handle for a plan could not be opened."""

    error: Exception


@dataclass(frozen=True)
class StepBegun:
    """A child is about to make the call of its plan with this number, from 0 on."""

    step: int

    def __str__(self) -> str:
        return f"step {self.step} begun"


@dataclass(frozen=True)
class StepDone:
    """The call of its plan with this number has ended, and what came of it."""

    step: int
    outcome: str

    def __str__(self) -> str:
        return f"step {self.step} done: {self.outcome}"


StepReport = StepBegun | StepDone
