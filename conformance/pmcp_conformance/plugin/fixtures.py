"""The fixtures for an author's own tests: a target, and a trial like that of a rule.

from pmcp_conformance.expectations import (expect_stored)

def test_mine(pmcp_trial):
    record = pmcp_trial.store_record(pmcp_trial.owner())
    expect_stored(pmcp_trial, record, version=1)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.target import BackendTarget


@pytest.fixture
def pmcp_target(pmcp_target_run: TargetRun) -> BackendTarget:
    """A target of the run, ready to be used; a test that asks for it runs once for each."""
    target, reason = pmcp_target_run.target, pmcp_target_run.unavailable
    if reason:
        pytest.fail(f"the target {target.name} is unavailable: {reason}", pytrace=False)
    return target


@pytest.fixture
def pmcp_trial(pmcp_target: BackendTarget, pmcp_target_run: TargetRun) -> Iterator[Trial]:
    """A trial on the target: owners, records and a recorded handle, cleaned up at the end."""
    trial = Trial(pmcp_target_run)
    try:
        yield trial
    finally:
        trial.cleanup.finish(passed=True)
