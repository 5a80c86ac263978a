"""Running one rule against one target: a result, whatever happens on the way."""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import partial

from pmcp_conformance.catalogue import Rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.engine.watchdog import Hang
from pmcp_conformance.report.results import Finding, Outcome, Result

_HANGS = 3


def run_rule(rule: Rule, run: TargetRun, part: int = 0) -> Result:
    """Check one rule, clean up after it, and say what came of it.

    Where several rules have hung already, no more are tried: each costs a minute or so.
    """
    target = run.target
    if reason := rule.not_applicable(target):
        return Result(target.name, rule.id, Outcome.NOT_APPLICABLE, part, reason)
    if reason := rule.unproven(target):
        return Result(target.name, rule.id, Outcome.UNPROVEN, part, reason)
    if run.hangs >= _HANGS:
        reason = f"operations hang in {run.hangs} rules already: mend those first"
        return Result(target.name, rule.id, Outcome.NOT_RUN, part, reason)
    try:
        trial = Trial(run, part)
    except Exception as error:
        reason = f"open() failed with {type(error).__name__}: {error}"
        return Result(target.name, rule.id, Outcome.NOT_RUN, part, reason)
    result = _judge(rule, trial)
    try:
        trial.end(passed=result.outcome is Outcome.PASSED)
    except Hang as hang:
        if result.outcome is Outcome.PASSED:
            finding = _finding(hang, trial, rule)
            result = replace(result, outcome=Outcome.FAILED, reason=hang.observed, finding=finding)
    run.hangs += trial.watchdog.abandoned
    return result


def _judge(rule: Rule, trial: Trial) -> Result:
    def result(outcome: Outcome, reason: str = "", finding: Finding | None = None) -> Result:
        calls = trial.watchdog.calls
        return Result(trial.target.name, rule.id, outcome, trial.part, reason, finding, calls)

    try:
        check = partial(rule.check, trial)
        check() if rule.main_thread else trial.watchdog.run(check)
        return result(Outcome.PASSED)
    except Blocked as blocked:
        reason = f"blocked by {blocked.rule_id}"
        return result(Outcome.BLOCKED, reason, _finding(blocked.cause, trial, rule))
    except Exception as error:
        finding = _finding(error, trial, rule)
        return result(Outcome.FAILED, finding.observed, finding)


def _finding(error: Exception, trial: Trial, rule: Rule) -> Finding:
    shorten, operations = trial.recording.shorten, trial.recording.shown()
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
