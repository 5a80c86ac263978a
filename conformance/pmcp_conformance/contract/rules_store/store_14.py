"""STORE-14: fields of a newer version of the record, through every change."""

from __future__ import annotations

import json

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, expect_same
from pmcp_conformance.engine.trial import Trial


@rule("STORE-14", facts=("keeps_unknown_fields",), back_doors=("plant",))
def unknown_fields_survive(trial: Trial) -> None:
    """Fields of record and task that this version does not know survive every change.

    Why: Servers of two versions share one table during an upgrade. If the old one drops fields that
    it does not know, each change it makes destroys data of the new one.

    Real bug: In Kubernetes, a typed client that updates a custom resource at an older schema
    version can erase the values of fields that a later version defines.
    (https://github.com/kubernetes/kubernetes/issues/111703)

    Mend: Change the record that was read by replacing single fields, and never build a new one from
    the fields you know. Store record.to_json() whole, not columns picked from it.
    """
    bench = StoreBench(trial)
    store = bench.store()
    for name, change in CHANGES.items():
        owner = trial.owner()
        data = json.loads(trial.record(owner).to_json())
        data["inputRequests"] = {"q": [1]}
        data["task"]["inputResponses"] = {"a": None}
        trial.plant(owner, "task", json.dumps(data), 3)
        change(store, owner, "task")
        after = trial.backend.get(owner, "task")
        expect_same("version", 4, after.version)
        found = (after.record.model_extra, after.record.task.model_extra)
        expected = ({"inputRequests": {"q": [1]}}, {"inputResponses": {"a": None}})
        expect_same(f"the unknown fields after {name}", expected, found)
