"""Runs and trials for the tests of what rules are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pmcp_conformance import BackendTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial


@contextmanager
def run_against(target: BackendTarget) -> Iterator[TargetRun]:
    """A run against a target that is prepared before and disposed of afterwards."""
    target.prepare()
    run = TargetRun(target)
    try:
        yield run
    finally:
        run.close()
        target.dispose()


@contextmanager
def trial_of(run: TargetRun) -> Iterator[Trial]:
    """One of several trials of a run, whose children are forked from one fork server."""
    trial = Trial(run)
    try:
        yield trial
    finally:
        trial.cleanup.finish(passed=True)


@contextmanager
def trial_against(target: BackendTarget) -> Iterator[Trial]:
    """The only trial of a run."""
    with run_against(target) as run, trial_of(run) as trial:
        yield trial
