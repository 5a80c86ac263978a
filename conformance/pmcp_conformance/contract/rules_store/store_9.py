"""STORE-9: how variables are merged."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_task
from pmcp_conformance.engine.trial import Trial


@rule("STORE-9")
def variables_merge(trial: Trial) -> None:
    """Variables are merged into the stored ones key by key; a value is replaced as a whole, and
    null removes its key.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    seed_task(trial, owner, variables={"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]})
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"a": None, "absent": None}, {"b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"b": {"x": None}, "d": 0}, {"b": {"x": None}, "c": [1, 2], "d": 0}),
        ({"c": [None], "d": False}, {"b": {"x": None}, "c": [None], "d": False}),
    ]
    for given, expected in steps:
        store.set_variables(owner, "task", given)
        expect_same("variables", expected, store.get(owner, "task").record.variables)
