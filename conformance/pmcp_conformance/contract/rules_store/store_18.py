"""STORE-18: owners without a name."""

from __future__ import annotations

from uuid import uuid4

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import TASK_CALLS, TaskCall, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import AnonymousOwnerError, TaskNotFoundError

OWNER_CALLS: dict[str, TaskCall] = {
    **TASK_CALLS,
    "create": lambda store, owner, task: store.create(owner, "tools/call", task_id=task),
    "list": lambda store, owner, task: store.list(owner),
}
"""Every operation of an owner."""


@rule("STORE-18")
def anonymous_owners(trial: Trial) -> None:
    """Every operation refuses the owners "" and "local" before any request, unless allow_anonymous
    makes them one owner.
    """
    bench = StoreBench(trial)
    store = bench.store()
    task_id = uuid4().hex
    bench.backend.requests.clear()
    for owner in ("", "local"):
        for call in OWNER_CALLS.values():
            expect_raises(AnonymousOwnerError(owner), call, store, owner, task_id)
    expect_same("requests", {}, dict(bench.backend.requests))
    # Nothing is written here: in shared storage, "local" may be the owner of real tasks.
    allowing = bench.store(allow_anonymous=True)
    for owner in ("", "local"):
        for name, call in TASK_CALLS.items():
            if name == "delete":
                expect_returns(False, call, allowing, owner, task_id)
            else:
                expect_raises(TaskNotFoundError("local", task_id), call, allowing, owner, task_id)
