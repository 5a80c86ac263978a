"""Every rule on the task store can fail: each has a broken store or backend that it convicts."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from mutants import store, store_changes, store_owners, store_work
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_storage import GenericTaskStore, InMemoryBackend, MemoryStorage, StorageBackend


class BrokenTarget(MemoryTarget):
    """The reference's target, with a broken store, backend or storage in it."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        if issubclass(kind, GenericTaskStore):
            self.store_class = kind
        self._backend = kind if issubclass(kind, InMemoryBackend) else InMemoryBackend
        self._storage = kind() if issubclass(kind, MemoryStorage) else MemoryStorage()

    def open(self) -> StorageBackend:
        return self._backend(self._storage)


def broken(module: ModuleType) -> list[tuple[str, type]]:
    """The rule that each mutant of a module breaks, and the mutant."""
    docs = [(kind.__doc__ or "", kind) for kind in vars(module).values() if isinstance(kind, type)]
    found = [(re.match(r"breaks (STORE-\d+): ", doc), kind) for doc, kind in docs]
    return [(match[1], kind) for match, kind in found if match]


MODULES = (store, store_changes, store_owners, store_work)
MUTANTS = [mutant for module in MODULES for mutant in broken(module)]


@pytest.mark.parametrize(
    ("rule", "kind"), MUTANTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_the_rule_convicts_the_mutant(rule: str, kind: type) -> None:
    run = TargetRun(BrokenTarget(kind))
    result = run_rule(catalogue()[rule], run)
    run.discard_handle()
    assert result.outcome is Outcome.FAILED, f"{result.outcome} {result.reason}: {result.finding}"
    assert result.finding is not None


def test_every_rule_has_a_mutant() -> None:
    rules = {rule for rule in catalogue() if rule.startswith("STORE-")}
    assert rules - {rule for rule, _ in MUTANTS} == set()
