"""The fixtures for an author's own tests: a target, and a trial like that of a rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.target import BackendTarget


@pytest.fixture
def pmcp_target(pmcp_target_run: TargetRun) -> BackendTarget:
    """Each of the run's targets in turn."""
    return pmcp_target_run.target


@pytest.fixture
def pmcp_trial(pmcp_target_run: TargetRun) -> Iterator[Trial]:
    """Owners that nobody else uses, records, a traced handle, assertions; cleaned up at the end."""
    trial = Trial(pmcp_target_run)
    try:
        yield trial
    finally:
        trial.end(passed=True)
