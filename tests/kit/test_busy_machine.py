"""On a busy machine a rule is tried again that cannot be judged, or whose storage says that it has
failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutants.base import MutantTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.report.results import Outcome
from pmcp_storage import InMemoryBackend, OutcomeUnknownError, VersionedRecord


class AnswersLate(InMemoryBackend):
    """Waits for its storage in vain, and says so, as often as is said here."""

    failures = 0

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if AnswersLate.failures:
            AnswersLate.failures -= 1
            raise OutcomeUnknownError("no answer within a second")
        return super()._get(owner_id, task_id)


@pytest.mark.parametrize(
    ("load", "failures", "outcome"),
    [(1.0, 1, Outcome.FAILED), (8.0, 2, Outcome.PASSED), (8.0, 3, Outcome.FAILED)],
)
def test_a_failure_of_the_storage_is_looked_at_again_twice(
    monkeypatch: pytest.MonkeyPatch, load: float, failures: int, outcome: Outcome
) -> None:
    monkeypatch.setattr("pmcp_conformance.engine.runner.load_factor", lambda: load)
    run = TargetRun(MutantTarget(AnswersLate))
    assert run_rule(catalogue()["GET-1"], run).outcome is Outcome.PASSED
    AnswersLate.failures = failures
    result = run_rule(catalogue()["GET-2"], run)
    AnswersLate.failures = 0
    run.close()
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("load", "shortfalls", "outcome"),
    [
        (1.0, 1, Outcome.INCONCLUSIVE),
        (1.5, 2, Outcome.PASSED),
        (1.5, 3, Outcome.INCONCLUSIVE),
    ],
)
def test_what_cannot_be_judged_is_tried_again_twice(
    monkeypatch: pytest.MonkeyPatch, load: float, shortfalls: int, outcome: Outcome
) -> None:
    left = shortfalls

    def tries_too_little(trial: Trial) -> None:
        nonlocal left
        if left:
            left -= 1
            trial.shortfalls.append("too little tried")

    monkeypatch.setattr("pmcp_conformance.engine.runner.load_factor", lambda: load)
    rule = replace(catalogue()["GET-1"], check=tries_too_little)
    run = TargetRun(MutantTarget(InMemoryBackend))
    assert run_rule(rule, run).outcome is outcome
    run.close()
