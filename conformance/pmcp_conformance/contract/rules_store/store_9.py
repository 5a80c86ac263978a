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

    Why: Workers report into keys of their own. If set_variables replaces them all, each report
    wipes out the others'; if null is stored, no key can ever be removed and the task grows to its
    limit.

    Real bug: Json.NET's JObject.Merge ignored null tokens, so there was no way to remove a
    property, or to set it to null, by merging.
    (https://github.com/JamesNK/Newtonsoft.Json/issues/531)

    Mend: Merge one level only: `{**stored, **given}`, then drop the keys given as None. Do not
    descend into objects; a value is replaced as a whole.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    seed_task(trial, owner, variables={"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]})
    last = {"b": {"x": None}, "c": [None], "d": False}
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"a": None, "absent": None}, {"b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"b": {"x": None}, "d": 0}, {"b": {"x": None}, "c": [1, 2], "d": 0}),
        ({"c": [None], "d": False}, last),
        ({"b.x": 1, "c[0]": 2}, {**last, "b.x": 1, "c[0]": 2}),
        ({"b.x": None, "c[0]": None}, last),
        ({"b": "", "c": [], "d": {}}, {"b": "", "c": [], "d": {}}),
    ]
    for given, expected in steps:
        store.set_variables(owner, "task", given)
        expect_same("variables", expected, store.get(owner, "task").record.variables)
