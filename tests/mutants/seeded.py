"""The mutants of races, crashes and broken networks; running rules against them with any seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mutants import Mutant
from mutants import mutants as all_mutants
from mutants.run import run_parts, scratch_folder
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Result


def mutants() -> list[Mutant]:
    """The mutants of CON, DUR and FLT, in the order of the modules and of their lines."""
    return [mutant for mutant in all_mutants() if mutant.rule.startswith(("CON-", "DUR-", "FLT-"))]


def convict(mutant: Mutant, seed: int = 0) -> Result:
    """What becomes of the rule that the mutant breaks."""
    with benched(mutant.target(), seed) as run:
        return run_parts(catalogue()[mutant.rule], run)


@contextmanager
def benched(target: BackendTarget, seed: int = 0) -> Iterator[TargetRun]:
    """A run on a target that is prepared before and disposed of afterwards."""
    with scratch_folder():
        target.prepare()
        run = TargetRun(target, seed=seed)
        try:
            yield run
        finally:
            run.close()
            target.dispose()
