"""The mutants of races and crashes, and running rules against them with any seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mutants import (
    _DOCSTRING,
    Mutant,
    concurrency,
    contention,
    durability,
    kills,
    processes,
    visibility,
)
from mutants.run import run_parts
from pmcp_conformance import BackendTarget
from pmcp_conformance.bench import Bench
from pmcp_conformance.rules import catalogue
from pmcp_conformance.run import Result


def mutants() -> list[Mutant]:
    """The mutants of CON and DUR, in the order of the modules and of their lines."""
    modules = (concurrency, visibility, contention, processes, durability, kills)
    kinds = [kind for module in modules for kind in own_classes(module.__name__, vars(module))]
    found = [(kind, _DOCSTRING.fullmatch(kind.__doc__ or "")) for kind in kinds]
    return [Mutant(kind, match[1], " ".join(match[2].split())) for kind, match in found if match]


def own_classes(module: str, names: dict[str, object]) -> list[type]:
    """The classes that a module defines itself."""
    return [k for k in names.values() if isinstance(k, type) and k.__module__ == module]


def convict(mutant: Mutant, seed: int = 0) -> Result:
    """What becomes of the rule that the mutant breaks."""
    is_target = issubclass(mutant.kind, BackendTarget)
    with benched(mutant.kind() if is_target else mutant.target(), seed) as bench:
        return run_parts(catalogue()[mutant.rule], bench)


@contextmanager
def benched(target: BackendTarget, seed: int = 0) -> Iterator[Bench]:
    """A bench on a target that is prepared before and disposed of afterwards."""
    target.prepare()
    bench = Bench(target, seed=seed)
    try:
        yield bench
    finally:
        bench.close()
        target.dispose()
