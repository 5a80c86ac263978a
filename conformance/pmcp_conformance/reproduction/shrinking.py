"""The few calls of a failed rule that show its violation.

Calls show it where the last one ends on the backend as it did in the run, and on the reference
otherwise. What the reference answers alike is no violation that plain calls can show.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pmcp_conformance.generators.sequences import shrunk
from pmcp_conformance.report.model import CallsMade
from pmcp_conformance.reproduction.plain import HELPERS
from pmcp_conformance.reproduction.reference import ReferenceTarget
from pmcp_conformance.reproduction.replay import Replay
from pmcp_conformance.target import BackendTarget

_INSTANT = re.compile(r"returned at\((-?[\d.]+)\)")

_ATTEMPTS = 400
"""How often the calls are made again, at most, to find the few."""

_SECONDS = 20.0
"""For all of that."""


@dataclass(frozen=True)
class Step:
    """A call as code, what came of it, and what comes of it on a correct backend."""

    code: str
    outcome: str
    correct: str = ""


class Shrinking:
    """Finds the steps for a script; `limit` is the target's limit on a record's size."""

    def __init__(self, made: CallsMade, limit: int | None = None) -> None:
        self._made = made
        self._reference = ReferenceTarget(limit)
        recorded = [Step(call.code, call.outcome) for call in made.calls]
        self.steps = self._up_to_the_violation(self._compared(recorded))
        """The calls up to the one that shows the violation; none if no call does."""

    def shrink(self, target: BackendTarget) -> bool:
        """Leave only the steps that are needed, as this target says; whether it shows it again."""
        last, until = self.steps[-1], time.monotonic() + _SECONDS

        def shows(steps: list[Step]) -> bool:
            if steps[-1] is not last or time.monotonic() > until:
                return False
            outcome = self._outcomes(target, steps)[-1]
            correct = self._outcomes(self._reference, steps)[-1]
            return outcome == last.outcome and not _alike(outcome, correct)

        if not shows(self.steps):
            return False
        few = shrunk(self.steps, shows, _ATTEMPTS)
        outcomes = self._outcomes(target, few)
        self.steps = self._compared(
            [Step(step.code, now) for step, now in zip(few, outcomes, strict=True)]
        )
        return True

    def _compared(self, steps: list[Step]) -> list[Step]:
        answers = self._outcomes(self._reference, steps)
        return [replace(step, correct=now) for step, now in zip(steps, answers, strict=True)]

    def _up_to_the_violation(self, steps: list[Step]) -> list[Step]:
        for count in range(len(steps), 0, -1):
            if self._differs(steps[count - 1]):
                return steps[:count]
        return []

    def _differs(self, step: Step) -> bool:
        # How many records a cleanup removes depends on what others have in a shared storage.
        handle, _, call = step.code.partition(".")
        is_shared = self._made.handles.get(handle) != "open_fresh"
        of_all = is_shared and call == "cleanup_expired()" and "returned" in step.outcome
        return not of_all and bool(step.outcome) and not _alike(step.outcome, step.correct)

    def _outcomes(self, target: BackendTarget, steps: Sequence[Step]) -> list[str]:
        """What comes of the steps on a target, under fresh owners; empty for what is no call."""
        made = self._made
        paced = any(step.code.startswith("pause(") for step in steps)
        with Replay(target, made.began.isoformat(), paced=paced, show=_nothing) as replay:
            names = {name: getattr(replay, name) for name in HELPERS}
            names |= {name: replay.owner(name, owner) for name, owner in made.owners.items()}
            for name, method in made.handles.items():
                opened = replay.target if method == "itself" else replay.handle(name, method)
                names[name] = opened
            return [_outcome(replay, step.code, names) for step in steps]


def _outcome(replay: Replay, code: str, names: dict[str, object]) -> str:
    replay.last = ""
    # Only what `check_plain` has let through comes here.
    eval(code, {"__builtins__": {}}, names)
    return replay.last


def _alike(outcome: str, correct: str) -> bool:
    """Whether they are equal, or expiries that a storage may have rounded."""
    instants = [_INSTANT.fullmatch(text) for text in (outcome, correct)]
    if all(instants):
        first, second = (float(found[1]) for found in instants if found)
        return abs(first - second) <= 1.0
    return outcome == correct


def _nothing(text: str) -> None:
    """Print nothing."""
