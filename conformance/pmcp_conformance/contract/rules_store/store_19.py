"""STORE-19: what errors show, in their tracebacks and causes too."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    FAILED,
    WORKING,
    between_read_and_write,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises
from pmcp_storage import BackendError, TaskChange, TaskError


@rule("STORE-19")
def errors_show_no_payload(trial: Trial) -> None:
    """No error shows variables or a result: not its text, repr and args, nor the traceback with its
    causes.

    Why: Tracebacks go to logs and error trackers, and error texts to clients. A token among a
    task's variables is then in places that nobody can clean.

    Real bug: A ValidationError of Pydantic quotes the input: with one field missing, a password
    declared as SecretStr was shown in plain text.
    (https://github.com/pydantic/pydantic/issues/9139)

    Mend: Name the place (a key path) and the rule, never the value. Raise from a cause whose text
    and args hold no data, and keep a decoder's or validator's own error out of the chain (`from
    None`) if it quotes its input.
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
        lambda: store.change(owner, "task", lambda _: TaskChange(variables={"a": [secret, {1}]})),
        lambda: store.change(owner, "task", lambda _: TaskChange(result=secret * 200)),
        lambda: store.change(owner, "ended", lambda _: TaskChange(result=secret)),
        lambda: store.get_result(owner, "task"),
        lambda: store.get_result(owner, "ended"),
        lambda: store.create(owner, "tools/call", task_id="task", variables={"a": secret}),
        lambda: store.create(owner, "tools/call", variables={"a": [[secret * 10]]}),
        lambda: store.update_status(owner, "task", WORKING),
        lambda: store.list(owner, cursor="made up"),
    ]
    change = partial(store.set_variables, owner, "task", {"a": secret})
    calls += [
        partial(while_failing, bench, change),
        partial(while_overtaken, trial, bench, owner, change),
    ]
    for call in calls:
        error = expect_raises(TaskError, call)
        shown = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        expect(secret not in shown, "an error without the payload", type(error).__name__)


def while_failing(bench: StoreBench, call: Callable[[], object]) -> None:
    """Make the call while the storage fails at the write of a change."""
    bench.backend.failures["put_if_version"] = BackendError("down")
    try:
        call()
    finally:
        bench.backend.failures.clear()


def while_overtaken(
    trial: Trial, bench: StoreBench, owner: str, call: Callable[[], object]
) -> None:
    """Make the call while somebody else writes the task that it changes."""
    between_read_and_write(bench, partial(trial.backend.put, trial.record(owner)))
    call()
