"""Whose finding a failure is: the rule's own, or another's that it builds on.

A rule fails for its own sentence only. Where a step of it fails that another rule promises, it is
blocked, and so it is where an operation fails of which it says nothing. But a rule that passes
blocks no other: then it was the rule at hand that brought the failure about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pmcp_conformance.catalogue import Rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.engine.watchdog import operation_of
from pmcp_conformance.report.results import FAILURES, Outcome, Result
from pmcp_storage import BackendError, CorruptRecordError, OutcomeUnknownError

_PROMISED_BY = {
    "get": "GET-2",
    "create": "CRE-1",
    "put": "PUT-1",
    "put_if_version": "CAS-1",
    "delete": "DEL-1",
    "list_by_owner": "LIST-1",
    "iter_by_owner": "LIST-10",
    "count_by_owner": "LIST-13",
    "cleanup_expired": "EXP-5",
    "close": "ERR-7",
}
"""For each operation the rule by which it works at all."""

RunAgain = Callable[[str, int], Result]
"""Runs a part of a rule; what becomes of it, and of nothing that blocks it."""


def judged_error(error: Exception, rule: Rule) -> Exception:
    """The error that has ended a rule as it is to be judged.

    That of an operation is Blocked, by the rule that promises the operation, if the rule at hand
    did not look at it; and what another rule should block is a Violation where it is this one.
    """
    promised_by = _PROMISED_BY.get(operation_of(error) or "")
    if promised_by and not isinstance(error, Violation | Blocked):
        error = Blocked(promised_by, error)
    if isinstance(error, Blocked) and error.rule_id == rule.id:
        return error.cause
    return error


def failure_of_storage(error: Exception) -> BackendError | None:
    """The error by which the storage says that it has failed, if a rule has ended by one."""
    cause: BaseException | None = error.cause if isinstance(error, Blocked) else error
    if isinstance(cause, Violation):
        cause = cause.__cause__
    if isinstance(cause, BackendError) and not isinstance(cause, CorruptRecordError):
        return cause
    return None


def attributed(result: Result, run: TargetRun, run_again: RunAgain) -> Result:
    """The result of a rule that is blocked, once it is known what becomes of the rule that blocks
    it; other results as they are."""
    if result.outcome is not Outcome.BLOCKED:
        return result
    failure = run.storage_failure
    may_work_again = failure is not None and not isinstance(failure, OutcomeUnknownError)
    blocking = _result_of(result.blocked_by, run, run_again)
    if blocking.outcome is Outcome.INCONCLUSIVE:
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=blocking.reason)
    if blocking.outcome in FAILURES and blocking.blocked_by != result.rule:
        return result
    # A storage may fail at times, as when other workers are in its way, and then works again.
    again = run_again(result.rule, result.part) if may_work_again else result
    return _own_finding(again) if again.outcome is Outcome.BLOCKED else again


def _result_of(rule_id: str, run: TargetRun, run_again: RunAgain) -> Result:
    """What becomes of a rule: known if it has failed, and otherwise looked at now."""
    known = run.results.get(rule_id)
    if known is not None and known.outcome in FAILURES:
        return known
    result = run_again(rule_id, 0)
    run.results[rule_id] = result
    return result


def _own_finding(result: Result) -> Result:
    assert result.finding is not None
    return replace(result, outcome=Outcome.FAILED, reason=result.finding.observed, blocked_by="")
