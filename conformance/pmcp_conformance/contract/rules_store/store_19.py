"""STORE-19: what errors show, in their tracebacks and causes too."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from uuid import uuid4

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import COMPLETED, FAILED, WORKING, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises
from pmcp_storage import TaskError


@rule("STORE-19")
def errors_show_no_payload(trial: Trial) -> None:
    """No error shows variables or a result: not its text, repr and args, nor the traceback with its
    causes.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store(max_record_bytes=2_000, max_string_bytes=50)
    secret = f"secret {uuid4().hex[:8]}"
    seed_task(trial, owner, variables={"a": secret}, result=secret)
    seed_task(trial, owner, "ended", status=FAILED, variables={"a": secret})
    calls: list[Callable[[], object]] = [
        lambda: store.set_variables(owner, "task", {"a": secret * 10}),
        lambda: store.set_variables(owner, "task", {"a": [secret, {1}]}),
        lambda: store.set_variables(owner, "ended", {"a": secret}),
        lambda: store.set_result(owner, "task", secret * 200),
        lambda: store.set_result(owner, "task", [secret, {1}]),
        lambda: store.complete_with_result(owner, "ended", COMPLETED, secret),
        lambda: store.get_result(owner, "task"),
        lambda: store.get_result(owner, "ended"),
        lambda: store.create(owner, "tools/call", task_id="task", variables={"a": secret}),
        lambda: store.create(owner, "tools/call", variables={"a": [[secret * 10]]}),
        lambda: store.update_status(owner, "task", WORKING),
        lambda: store.list(owner, cursor="made up"),
    ]
    for call in calls:
        error = expect_raises(TaskError, call)
        shown = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        expect(secret not in shown, "an error without the payload", type(error).__name__)
