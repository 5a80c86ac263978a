"""What became of a rule on a target, as plain data that travels between processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"
    """A rule that this one builds on fails: fix that one first."""
    NOT_APPLICABLE = "not applicable"
    """The target's facts say that the rule does not concern it."""
    UNPROVEN = "unproven"
    """The target does not offer the back door that the rule needs."""
    NOT_RUN = "not run"
    """The target is unavailable or could not be opened, or the run came to no result."""
    INCONCLUSIVE = "inconclusive"
    """The rule was run and could not be judged, for a reason that is not the backend's."""
    NOT_SELECTED = "not selected"
    """The command line left it out; no result has this outcome, a report's missing ones do."""


FAILURES = (Outcome.FAILED, Outcome.BLOCKED)
"""The outcomes that make a backend not conformant."""

UNJUDGED = (Outcome.NOT_RUN, Outcome.INCONCLUSIVE)
"""The outcomes that make a run incomplete."""


@dataclass(frozen=True)
class Call:
    """A call on the backend as Python code, and what it returned or raised."""

    code: str
    outcome: str


@dataclass(frozen=True)
class CallsMade:
    """The calls of a rule, as far as they can be made again by plain code."""

    began: str
    """When the rule began, which the instants in the calls count from."""
    owners: dict[str, str]
    """The owner ids, by the names that stand for them in the calls."""
    handles: dict[str, str]
    """The method of the target that opened each handle, by the handle's name."""
    calls: list[Call]
    missing: str = ""
    """Why there are none."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CallsMade:
        """The calls that `asdict` took apart."""
        return cls(**{**data, "calls": [Call(**call) for call in data["calls"]]})


@dataclass(frozen=True)
class Finding:
    """Why a rule failed: all that a report needs, as plain text."""

    expected: str
    observed: str
    operations: list[str] = field(default_factory=list)
    declared: str = ""
    """The facts of the target by which the rule concerns it."""
    place: str = ""
    """Where in the backend's code it happened, or where another call came in."""
    traceback: str = ""
    history: str = ""
    """The file that has all of a recorded history."""
    calls: CallsMade | None = None
    """The rule's calls, for a script that makes them again."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        """The finding that `asdict` took apart."""
        calls = data["calls"]
        return cls(**{**data, "calls": calls and CallsMade.from_dict(calls)})


@dataclass(frozen=True)
class Result:
    """What became of a rule on a target; `reason` says in a few words why it did not pass."""

    target: str
    rule: str
    outcome: Outcome
    part: int = 0
    reason: str = ""
    details: str = ""
    """Further lines that belong to the reason, such as what another process has logged."""
    blocked_by: str = ""
    """The rule that blocks this one; empty unless it is blocked."""
    finding: Finding | None = None
    calls: int = 0
    """The operations that it took, not counting those of child processes."""
    seconds: float = 0.0
    known: str = ""
    """Why this failure was expected, by the file of known failures."""

    def as_dict(self) -> dict[str, Any]:
        """The result in plain types, to be sent to another process."""
        return {**asdict(self), "outcome": self.outcome.value}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """The result that `as_dict` took apart."""
        finding = data["finding"]
        outcome = Outcome(data["outcome"])
        return cls(
            **{**data, "outcome": outcome, "finding": finding and Finding.from_dict(finding)}
        )


@dataclass(frozen=True)
class Leftover:
    """Records that a run has left on a target, or why it cannot be known whether it has."""

    target: str
    details: str
    removed: bool = False

    def __str__(self) -> str:
        return f"left behind: {self.target}: {self.details}"
