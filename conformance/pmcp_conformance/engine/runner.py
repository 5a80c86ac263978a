"""Running one rule against one target: a result, whatever happens on the way."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import Rule
from pmcp_conformance.engine.target_run import Bench
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.engine.watchdog import Hang

_HANGS = 3


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


def run_rule(rule: Rule, bench: Bench, part: int = 0) -> Result:
    """Check one rule, clean up after it, and say what came of it.

    Where several rules have hung already, no more are tried: each costs a minute or so.
    """
    target = bench.target
    if reason := rule.not_applicable(target):
        return Result(target.name, rule.id, Outcome.NOT_APPLICABLE, part, reason)
    if reason := rule.unproven(target):
        return Result(target.name, rule.id, Outcome.UNPROVEN, part, reason)
    if bench.hangs >= _HANGS:
        reason = f"operations hang in {bench.hangs} rules already: mend those first"
        return Result(target.name, rule.id, Outcome.NOT_RUN, part, reason)
    try:
        trial = Trial(bench, part)
    except Exception as error:
        reason = f"open() failed with {type(error).__name__}: {error}"
        return Result(target.name, rule.id, Outcome.NOT_RUN, part, reason)
    result = _judge(rule, trial)
    try:
        trial.end(spoilt=result.outcome is not Outcome.PASSED)
    except Hang as hang:
        if result.outcome is Outcome.PASSED:
            finding = _finding(hang, trial, rule)
            result = replace(result, outcome=Outcome.FAILED, reason=hang.observed, finding=finding)
    bench.hangs += trial.watch.abandoned
    return result


def _judge(rule: Rule, trial: Trial) -> Result:
    def result(outcome: Outcome, reason: str = "", finding: Finding | None = None) -> Result:
        calls = trial.watch.calls
        return Result(trial.target.name, rule.id, outcome, trial.part, reason, finding, calls)

    try:
        check = partial(rule.check, trial)
        check() if rule.main_thread else trial.watch.carry_out(check)
        return result(Outcome.PASSED)
    except Blocked as blocked:
        reason = f"blocked by {blocked.rule_id}"
        return result(Outcome.BLOCKED, reason, _finding(blocked.cause, trial, rule))
    except Exception as error:
        finding = _finding(error, trial, rule)
        return result(Outcome.FAILED, finding.observed, finding)


def _finding(error: Exception, trial: Trial, rule: Rule) -> Finding:
    shorten, operations = trial.trace.shorten, trial.trace.shown()
    declared = rule.declared(trial.target)
    if isinstance(error, Violation):
        if error.operations is not None:
            led_there = operations if isinstance(error, Hang) else []
            operations = [*led_there, *(shorten(line) for line in error.operations)]
        return Finding(shorten(error.expected), shorten(error.observed), operations, declared)
    observed = f"raised {type(error).__name__}: {error}"
    lines = traceback.format_exception(error)
    text = shorten("".join(lines))
    return Finding("no error here", shorten(observed), operations, declared, text)
