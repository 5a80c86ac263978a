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
    finding: Finding | None = None
    calls: int = 0
    """The operations that it took, those of other processes left out."""
    known: str = ""
    """Why this failure was expected, by the file of known failures."""

    def as_dict(self) -> dict[str, Any]:
        """The result in plain types, for the way between processes."""
        return {**asdict(self), "outcome": self.outcome.value}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """The result that `as_dict` took apart."""
        finding = data["finding"]
        outcome = Outcome(data["outcome"])
        return cls(**{**data, "outcome": outcome, "finding": finding and Finding(**finding)})
