"""A trial for the tests of what rules are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mutants.harness import prepared
from pmcp_conformance import BackendTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial


@contextmanager
def trial_against(target: BackendTarget) -> Iterator[Trial]:
    """A trial of no rule against a target, which is prepared before and disposed of afterwards."""
    with prepared(target) as run, trial_of(run) as trial:
        yield trial


@contextmanager
def trial_of(run: TargetRun) -> Iterator[Trial]:
    """One of several trials of a run, whose children are forked from one fork server."""
    trial = Trial(run)
    try:
        yield trial
    finally:
        trial.end(passed=True)
