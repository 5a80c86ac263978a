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
    """The target is unavailable or could not be opened."""


FAILURES = (Outcome.FAILED, Outcome.BLOCKED)
"""The outcomes that make a backend not conformant."""


@dataclass(frozen=True)
class Finding:
    """Why a rule failed: all that a report needs, as plain text."""

    expected: str
    observed: str
    operations: list[str] = field(default_factory=list)
    declared: str = ""
    """The facts of the target by which the rule concerns it."""
    traceback: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a rule on a target; `reason` says in a few words why it did not pass."""

    target: str
    rule: str
    outcome: Outcome
    part: int = 0
    reason: str = ""
    blocked_by: str = ""
    """The rule that blocks this one; empty unless it is blocked."""
    finding: Finding | None = None
    calls: int = 0
    """The operations that it took, not counting those of child processes."""
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
        return cls(**{**data, "outcome": outcome, "finding": finding and Finding(**finding)})


@dataclass(frozen=True)
class Leftover:
    """Records that a run has left on a target, or why it cannot be known whether it has."""

    target: str
    details: str

    def __str__(self) -> str:
        return f"left behind: {self.target}: {self.details}"
