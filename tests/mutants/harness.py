"""Runs rules against a mutant in this process, and undoes what the mutant did to the process."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from mutants import Mutant
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.building import TargetDescription, report_of
from pmcp_conformance.report.results import Outcome, Result
from pmcp_conformance.report.summary import summary_lines
from pmcp_conformance.report.verdicts import RunReport, TargetReport


def convict(mutant: Mutant, seed: int = 0) -> Result:
    """The result of the rule that the mutant breaks."""
    with confined(mutant, seed) as run:
        return run_parts(catalogue()[mutant.rule], run)


def run_parts(rule: Rule, run: TargetRun) -> Result:
    """The result of a rule: the first of its parts that does not pass, or the last."""
    for part in range(rule.parts):
        result = run_rule(rule, run, part)
        if result.outcome is not Outcome.PASSED:
            break
    return result


def summary(result: Result) -> list[str]:
    """The lines that the kit prints of it."""
    run = RunReport({result.target: TargetReport(result.target)})
    run.add(result)
    targets = {result.target: TargetDescription({}, {})}
    report = report_of(run, targets, datetime.now(UTC), seed=0)
    return [line.text for line in summary_lines(report)]


@contextmanager
def confined(mutant: Mutant, seed: int = 0) -> Iterator[TargetRun]:
    """A run against the mutant; afterwards the process is as it was."""
    environment, root = dict(os.environ), logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    signals = {number: signal.getsignal(number) for number in signal.valid_signals()}
    threads = set(threading.enumerate())
    try:
        with prepared(mutant.target(), seed) as run:
            yield run
    finally:
        for thread in set(threading.enumerate()) - threads:
            with suppress(RuntimeError):  # one that is only about to start
                thread.join(1.0)  # one that hung until its target was disposed of
        os.environ.clear()
        os.environ.update(environment)
        root.handlers[:] = handlers
        root.setLevel(level)
        for number, handler in signals.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def prepared(target: BackendTarget, seed: int = 0) -> Iterator[TargetRun]:
    """A run against a target, which is prepared before it and disposed of afterwards."""
    with scratch_folder():
        target.prepare()
        run = TargetRun(target, seed=seed)
        try:
            yield run
        finally:
            run.close()
            target.dispose()


@contextmanager
def scratch_folder() -> Iterator[None]:
    """Removes the temporary files that are made within it, such as saved histories."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="pmcp-mutant-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
