"""STORE-46: what a store shows: its backend, its limits, new ids, and a task as it is sent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench, store_config
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.contract.support import full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect
from pmcp_storage import GenericTaskStore, TaskRecord


@rule("STORE-46", since="1.2")
def public_parts(trial: Trial) -> None:
    """A store shows the backend and the configuration that it was given, mints ids as create does,
    and gives a task the form that MCP's tasks extension sends, without owner, variables and result.

    Why: A runtime over the store works on the same storage, within the same limits. One that builds
    the wire form itself sends a time or a field that clients do not understand, or a variable that
    is not theirs to see.

    Mend: Name each field that is sent; never send the record without some fields.
    """
    bench = StoreBench(trial)
    settings = {"page_size": 7, "max_tasks_per_owner": 9}
    for name, store in bench.both(**settings):
        expect(store.backend is bench.backend, f"the backend of {name}", f"{store.backend!r}")
        expect_same(f"configuration of {name}", store_config(**settings), store.config)
        minted = [store.mint_task_id() for _ in range(3)]
        expect_same("versions of minted ids", {7}, {UUID(each).version for each in minted})
        expect_same("the order of minted ids", sorted({*minted}), minted)
        owner = trial.owner()
        fields = full_fields(trial, owner)
        expect_sent(store, trial.record(owner, **fields))
        plain = store.create(owner, "tools/call").record
        expect_sent(store, plain)


def expect_sent(store: GenericTaskStore, record: TaskRecord) -> None:
    """The wire form has these fields, and shares nothing with the record."""
    sent, task = store.wire_form(record), record.task
    optional = {
        "statusMessage": task.status_message,
        "pollIntervalMs": task.poll_interval,
        "_meta": task.meta,
    }
    expected = {
        "taskId": task.task_id,
        "status": task.status.value,
        "createdAt": written(task.created_at),
        "lastUpdatedAt": written(task.last_updated_at),
        "ttlMs": task.ttl,
        **{name: value for name, value in optional.items() if value is not None},
    }
    expect_same("the wire form", expected, sent)
    expect_same("the type of a status", str, type(sent["status"]))
    if task.meta is not None:
        expect(sent["_meta"] is not task.meta, "a copy of _meta", "the record's own")


def written(instant: datetime) -> str:
    """The instant to the millisecond, in UTC."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
