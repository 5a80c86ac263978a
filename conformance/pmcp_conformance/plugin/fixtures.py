"""The fixtures for an author's own tests: a target, and a workbench of the kind that rules have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmcp_conformance.engine.target_run import Bench
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.target import BackendTarget


@pytest.fixture
def pmcp_target(pmcp_bench: Bench) -> BackendTarget:
    """Each of the run's targets in turn."""
    return pmcp_bench.target


@pytest.fixture
def pmcp_trial(pmcp_bench: Bench) -> Iterator[Trial]:
    """Owners that nobody else uses, records, a traced handle, assertions; cleaned up at the end."""
    trial = Trial(pmcp_bench)
    try:
        yield trial
    finally:
        trial.end(spoilt=False)
