"""Running one rule against one target: there is a result whatever happens meanwhile."""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import partial

from pmcp_conformance.catalogue import Rule
from pmcp_conformance.engine.recording import Recording
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.engine.watchdog import Hang
from pmcp_conformance.report.results import Finding, Outcome, Result


def run_rule(rule: Rule, run: TargetRun, part: int = 0) -> Result:
    """Check one rule, clean up after it, and say what became of it."""
    target = run.target
    result = partial(Result, target.name, rule.id, part=part)
    if run.unavailable:
        return result(Outcome.NOT_RUN, reason=run.unavailable)
    if reason := rule.why_not_applicable(target):
        return result(Outcome.NOT_APPLICABLE, reason=reason)
    if reason := rule.why_unproven(target):
        return result(Outcome.UNPROVEN, reason=reason)
    try:
        trial = Trial(run, part)
    except Exception as error:
        run.unavailable = f"open() failed with {type(error).__name__}: {error}"
        return result(Outcome.NOT_RUN, reason=run.unavailable)
    return _cleaned_up(_judged(rule, trial), rule, trial)


def _judged(rule: Rule, trial: Trial) -> Result:
    """What becomes of the rule, before what it wrote is deleted."""
    result = Result(trial.target.name, rule.id, Outcome.PASSED, trial.part)
    check = partial(rule.check, trial)
    try:
        check() if rule.main_thread else trial.watchdog.run(check)
    except Blocked as blocked:
        result = replace(
            result,
            outcome=Outcome.BLOCKED,
            reason=f"blocked by {blocked.rule_id}",
            blocked_by=blocked.rule_id,
            finding=_finding(blocked.cause, trial, rule),
        )
    except Exception as error:
        result = _failed(result, error, trial, rule)
    return replace(result, calls=trial.watchdog.calls)


def _cleaned_up(result: Result, rule: Rule, trial: Trial) -> Result:
    """The result once the trial has ended: a storage that hangs then fails the rule as well."""
    try:
        trial.cleanup.finish(passed=result.outcome is Outcome.PASSED)
    except Hang as hang:
        if result.outcome is Outcome.PASSED:
            result = _failed(result, hang, trial, rule)
    if trial.watchdog.abandoned:
        trial.run.count_hang()
    return result


def _failed(result: Result, error: Exception, trial: Trial, rule: Rule) -> Result:
    finding = _finding(error, trial, rule)
    return replace(result, outcome=Outcome.FAILED, reason=finding.observed, finding=finding)


def _finding(error: Exception, trial: Trial, rule: Rule) -> Finding:
    recording, declared = trial.recording, rule.declared_facts(trial.target)
    if not isinstance(error, Violation):
        observed = recording.shorten(f"raised {type(error).__name__}: {error}")
        trace = recording.shorten("".join(traceback.format_exception(error)))
        return Finding("no error here", observed, recording.shown(), declared, trace)
    expected, observed = recording.shorten(error.expected), recording.shorten(error.observed)
    return Finding(expected, observed, _operations(error, recording), declared)


def _operations(violation: Violation, recording: Recording) -> list[str]:
    """What led to a violation: the rule's own operations, unless the violation has others.

    Those of a hang, which are still under way, come after the rule's own.
    """
    if violation.operations is None:
        return recording.shown()
    operations = [recording.shorten(line) for line in violation.operations]
    return [*recording.shown(), *operations] if isinstance(violation, Hang) else operations
