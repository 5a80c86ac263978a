"""STORE-1: creating a task: what is stored, and what it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import WORKING, expect_requests, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_entry, expect_stored


@rule("STORE-1")
def creation(trial: Trial) -> None:
    """A created task is working, at version 1, as requested and as configured; get returns the
    same; creating it takes one write.

    Why: A worker that reads the task between two writes finds it without the variables it was
    created with. And an answer that differs from what is stored sends the client on with wrong
    times.

    Real bug: launch_task of Miguel Grinberg's Microblog started the RQ job first and added the Task
    row afterwards, so the worker could look for a row that was not there yet.
    (https://github.com/miguelgrinberg/microblog/issues/220)

    Mend: Build the whole record and store it by one create. Return that record, with times already
    cut to what is stored, instead of composing the answer a second time.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store(poll_interval_ms=1_234)
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    given = {"a": [1, {"b": "é"}], "c": {"d": None}}
    made = expect_requests(
        bench,
        {"create": 1},
        "create",
        lambda: store.create(owner, "tools/call", variables={**given, "none": None}),
    )
    record = made.record
    task = record.task
    expect_same("version and status", (1, WORKING), (made.version, task.status))
    requested = (owner, "tools/call", given, None)
    stored = (record.owner_id, record.request_method, record.variables, record.result)
    expect_same("owner, method, variables and result", requested, stored)
    expect_same("poll interval", 1_234, task.poll_interval)
    in_time = before <= task.created_at == task.last_updated_at <= datetime.now(UTC)
    expect(in_time, "created and updated just now", f"{task.created_at}")
    expect_entry(store.get(owner, record.task_id), record, 1)
    expect_stored(trial, record, 1)
