"""Running one rule against one target: there is a result whatever happens meanwhile."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.attribution import attributed, failure_of_storage, judged_error
from pmcp_conformance.engine.health import Health
from pmcp_conformance.engine.origins import places, refusal_text
from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.engine.recording import Recording
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.tracebacks import authors_place, authors_traceback
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Inconclusive, NotApplicable, Violation
from pmcp_conformance.engine.watchdog import Hang
from pmcp_conformance.engine.watched_target import failure_of
from pmcp_conformance.report.results import CallsMade, Finding, Outcome, Result
from pmcp_storage import StorageError, TaskError

_TRIES_WHEN_BUSY = 3
"""Of a rule that cannot be judged, or that ends by a failure of the storage."""

_BUSY = 3.0
"""Times as long as on an idle machine that things take, by `load_factor`, where answers come later
than a backend waits for them."""


def run_rule(rule: Rule, run: TargetRun, part: int = 0) -> Result:
    """Check one rule, clean up after it, and say what became of it and how long that took."""
    begun = time.monotonic()
    return replace(_result(rule, run, part), seconds=time.monotonic() - begun)


def _result(rule: Rule, run: TargetRun, part: int) -> Result:
    target = run.target
    result = partial(Result, target.name, rule.id, part=part)
    if cannot_run := run.why_not_run(rule.group):
        return result(Outcome.NOT_RUN, reason=cannot_run)
    if reason := rule.why_not_applicable(target):
        return result(Outcome.NOT_APPLICABLE, reason=reason)
    if reason := rule.why_unproven(target):
        return result(Outcome.UNPROVEN, reason=reason)
    with run.turn(alone=rule.alone):
        return _run_now(rule, run, part)


def _run_now(rule: Rule, run: TargetRun, part: int) -> Result:
    health = run.shared(Health, partial(Health, run))
    if health.hangs:
        return health.blocked(Result(run.target.name, rule.id, Outcome.BLOCKED, part))
    found = health.checked(_run_patiently(rule, run, part))
    if found.blocked_by != health.broken_by:
        found = attributed(found, run, partial(_run_again, run))
    run.results[rule.id] = found
    return found


def _run_again(run: TargetRun, rule_id: str, part: int) -> Result:
    """What becomes of a rule, whatever may block it."""
    rule = catalogue()[rule_id]
    if rule.why_not_applicable(run.target) or rule.why_unproven(run.target):
        return Result(run.target.name, rule_id, Outcome.PASSED, part)  # so it blocks nothing
    return _run_once(rule, run, part)


def _run_patiently(rule: Rule, run: TargetRun, part: int) -> Result:
    """What becomes of a rule, tried again where it is for a busy machine to answer for that."""
    for _ in range(_TRIES_WHEN_BUSY - 1):
        run.storage_failure, hangs = None, run.hangs
        result = _run_once(rule, run, part)
        if run.hangs > hangs or not _may_settle(result, run):
            return result
    return _run_once(rule, run, part)


def _may_settle(result: Result, run: TargetRun) -> bool:
    """Whether another try may come to something else, because the machine has much to do: too much
    to try enough, or so much that the storage says, honestly, that it has failed."""
    if result.outcome is Outcome.INCONCLUSIVE:
        return load_factor() > 1
    return run.storage_failure is not None and load_factor() >= _BUSY


def _run_once(rule: Rule, run: TargetRun, part: int) -> Result:
    try:
        trial = Trial(run, part)
    except Exception as error:
        return Result(run.target.name, rule.id, Outcome.NOT_RUN, part, failure_of("open", error))
    former, run.underway = run.underway, trial.watchdog
    try:
        judged = _judged(rule, trial)
    except BaseException:  # an interruption: the end of the run waits for what is under way
        trial.cleanup.abandon()
        raise
    run.underway = former
    return _cleaned_up(judged, rule, trial)


def _judged(rule: Rule, trial: Trial) -> Result:
    """What becomes of the rule, before what it wrote is deleted."""
    result = Result(trial.target.name, rule.id, Outcome.PASSED, trial.part)
    check = partial(rule.check, trial)
    try:
        watch = trial.watchdog.run_here if rule.main_thread else trial.watchdog.run
        watch(check)
        if trial.shortfalls:
            raise Inconclusive("; ".join(dict.fromkeys(trial.shortfalls)))
    except NotApplicable as reason:
        result = replace(result, outcome=Outcome.NOT_APPLICABLE, reason=str(reason))
    except Inconclusive as inconclusive:
        result = _inconclusive(result, inconclusive)
    except Exception as error:
        result = _failed_or_blocked(result, error, trial, rule)
    return replace(result, calls=trial.watchdog.calls)


def _failed_or_blocked(result: Result, error: Exception, trial: Trial, rule: Rule) -> Result:
    error = judged_error(error, rule)
    trial.run.storage_failure = failure_of_storage(error)
    if not isinstance(error, Blocked):
        return _failed(result, error, trial, rule)
    return replace(
        result,
        outcome=Outcome.BLOCKED,
        reason=f"blocked by {error.rule_id}",
        blocked_by=error.rule_id,
        finding=_finding(error.cause, trial, rule),
    )


def _cleaned_up(result: Result, rule: Rule, trial: Trial) -> Result:
    """The result once the trial has ended: a storage that hangs then fails the rule as well."""
    try:
        trial.cleanup.finish(passed=result.outcome is Outcome.PASSED)
    except Hang as hang:
        if result.outcome is Outcome.PASSED:
            result = _failed(result, hang, trial, rule)
    except Inconclusive as inconclusive:
        if result.outcome is Outcome.PASSED:
            result = _inconclusive(result, inconclusive)
    if trial.watchdog.abandoned:
        trial.run.count_hang(rule.group)
    return result


def _inconclusive(result: Result, why: Inconclusive) -> Result:
    return replace(result, outcome=Outcome.INCONCLUSIVE, reason=why.reason, details=why.details)


def _failed(result: Result, error: Exception, trial: Trial, rule: Rule) -> Result:
    """The result of a rule that an error has ended, whosever doing it was."""
    if isinstance(error, Hang) and error.outside:
        return _inconclusive(result, Inconclusive(str(error)))
    if refused := refusal_text(error):
        return _inconclusive(result, Inconclusive(refused, places(error)))
    finding = _finding(error, trial, rule)
    return replace(result, outcome=Outcome.FAILED, reason=finding.observed, finding=finding)


def _finding(error: Exception, trial: Trial, rule: Rule) -> Finding:
    recording, declared = trial.recording, rule.declared_facts(trial.target)
    trace = recording.shorten(_trace(error))
    if not isinstance(error, Violation):
        observed = recording.shorten(f"raised {type(error).__name__}: {error}")
        operations, place = recording.shown(), authors_place(error)
        made: CallsMade | None = recording.log.made()
        return Finding("no error here", observed, operations, declared, place, trace, "", made)
    expected, observed = recording.shorten(error.expected), recording.shorten(error.observed)
    operations, place = _operations(error, recording), _place(error)
    made = _calls(error, recording)
    return Finding(expected, observed, operations, declared, place, trace, error.history, made)


def _calls(violation: Violation, recording: Recording) -> CallsMade | None:
    """The calls that led to a violation, unless others than the rule's own ones did."""
    if violation.operations is not None or violation.place:
        return None
    return recording.log.made()


def _place(error: BaseException | None) -> str:
    """Where in the backend's code a violation came about, or the error that caused it."""
    if not isinstance(error, Violation):
        return authors_place(error) if error else ""
    return error.place or _place(error.__cause__)


def _trace(error: Exception) -> str:
    """The traceback of what nobody expects, be it the whole finding or the cause of one."""
    if not isinstance(error, Violation):
        return authors_traceback(error)
    cause = error.__cause__
    if cause is None or isinstance(cause, StorageError | TaskError | Violation):
        return ""
    return authors_traceback(cause)


def _operations(violation: Violation, recording: Recording) -> list[str]:
    """What led to a violation: the rule's own operations, unless the violation has others.

    Those of a hang, which are still under way, come after the rule's own.
    """
    if violation.operations is None:
        return recording.shown()
    operations = [recording.shorten(line) for line in violation.operations]
    return [*recording.shown(), *operations] if isinstance(violation, Hang) else operations
