"""STORE-32: what a change leaves as it was."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, WORKING, expect_same, fields_of
from pmcp_conformance.contract.support import HOUR, full_fields
from pmcp_conformance.engine.trial import Trial

CHANGED = {
    "update_status": {"task.status"},
    "set_variables": {"variables"},
    "set_result": {"result"},
    "complete_with_result": {"task.status", "result"},
    "cancel": {"task.status"},
}
"""What each operation is for, without a message."""


@rule("STORE-32", since="1.1")
def nothing_else_changes(trial: Trial) -> None:
    """A change writes what it is for and last_updated_at; every other field keeps its value, the
    message, meta and poll interval included.

    Why: Status, message, variables and result of a task have different writers. A change that
    writes back more than it is for, or rebuilds the record from the fields it knows, silently loses
    what another part of the server has stored: the progress in meta, the message that the client
    was to read.

    Mend: Start from the record that was read and replace the one field, as model_copy(update=...)
    does; never build the record anew from a list of fields.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for name, change in CHANGES.items():
        fields = full_fields(trial, owner)
        created_at = fields["task"].created_at - HOUR
        changes = {"task_id": name, "status": WORKING, "created_at": created_at}
        task = fields["task"].model_copy(update=changes)
        before = trial.store_record(owner, name, **{**fields, "task": task, "variables": {"a": 0}})
        change(store, owner, name)
        after = fields_of(store.get(owner, name).record)
        changed = {field for field, value in fields_of(before).items() if after[field] != value}
        expect_same(f"fields after {name}", CHANGED[name], changed - {"task.last_updated_at"})
