"""STORE-18: owners without a name."""

from __future__ import annotations

from uuid import uuid4

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import OWNER_CALLS, TASK_CALLS, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import AnonymousOwnerError, GenericTaskStore, TaskNotFoundError


@rule("STORE-18")
def anonymous_owners(trial: Trial) -> None:
    """Every operation refuses the owners "" and "local" before any request, unless allow_anonymous
    makes them one owner, who shares nothing with owners of other names.

    Why: An owner is empty where authentication was forgotten or failed. If that is served as a name
    like any other, all such callers share, see and delete each other's tasks.

    Real bug: Logging in to Firewall Orchestrator with an empty user name gave an anonymous role
    that was allowed to view all devices and managements.
    (https://github.com/CactuseSecurity/firewall-orchestrator/issues/336)

    Mend: Check the owner first in every method, the reading ones too, before any request. With
    allow_anonymous, map "" and "local" to the same owner in that one place.
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
    expect_one_owner(bench.store_in_memory(allow_anonymous=True))


def expect_one_owner(store: GenericTaskStore) -> None:
    """What "" and "local" create belongs to both of them, and to nobody else."""
    made = [store.create(owner, "tools/call") for owner in ("", "local")]
    for owner in ("", "local"):
        expect_same(f"the tasks of {owner!r}", made[::-1], store.list(owner).tasks)
    cursor = store.list("", limit=1).next_cursor
    rest = store.list("local", cursor=cursor).tasks
    expect_same("the tasks of 'local' after the cursor of ''", made[:1], rest)
    for owner in ("Local", "anonymous", "None", "null", " "):
        expect_same(f"the tasks of {owner!r}", [], store.list(owner).tasks)
