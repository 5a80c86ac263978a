"""STORE-16: an owner learns nothing about tasks that are not theirs, not even from the requests."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    TASK_CALLS,
    TaskCall,
    expect_same,
    seed_expired_task,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_stored
from pmcp_storage import GenericTaskStore, TaskError, TaskNotFoundError


@rule("STORE-16")
def nobody_learns_of_others_tasks(trial: Trial) -> None:
    """Another owner's task, an expired and an absent one look the same to every operation: the same
    error, text and requests; who differs in case or spaces is another owner.

    Why: If 'not yours' differs from 'not there', by an error, a text or one more request, anyone
    can try ids and learn whose tasks exist. Ids leak through logs and links.

    Real bug: The TypeScript SDK's InMemoryTaskStore ignored the session id that each method is
    given, so any authenticated client could list, read and change the tasks of other sessions.
    (https://github.com/modelcontextprotocol/typescript-sdk/pull/1486)

    Mend: Read by owner and id, and treat expired like absent on one code path: the same
    TaskNotFoundError, no clean-up on the way, no second look that only one of the cases makes.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()

    def seen() -> dict[str, object]:
        return {
            name: seen_by_caller(bench, call, store, owner) for name, call in TASK_CALLS.items()
        }

    absent = seen()
    theirs = seed_task(trial, other, status=COMPLETED, result=1)
    foreign = seen()
    seed_expired_task(trial, owner, status=COMPLETED, result=1)
    gone = seen()
    for name, expected in absent.items():
        expect_same(f"{name} of another owner's task", expected, foreign[name])
        expect_same(f"{name} of an expired task", expected, gone[name])
        if name != "delete":
            error = expect_raises(TaskNotFoundError, TASK_CALLS[name], store, owner, "task")
            expect_same("the error's attributes", (owner, "task"), (error.owner_id, error.task_id))
    expect_stored(trial, theirs, 1)
    expect_owners_apart(bench.store_in_memory())


def expect_owners_apart(store: GenericTaskStore) -> None:
    """Owners whose names are nearly the same have nothing in common."""
    store.create("alice", "tools/call", task_id="task")
    for owner in ("Alice", "ALICE", " alice", "alice "):
        expect_raises(TaskNotFoundError(owner, "task"), store.get, owner, "task")
        expect_same(f"the tasks of {owner!r}", [], store.list(owner).tasks)


def seen_by_caller(
    bench: StoreBench, call: TaskCall, store: GenericTaskStore, owner: str
) -> object:
    """All that a caller can see of a call: what came back and which requests it took."""
    bench.backend.requests.clear()
    outcome: object
    try:
        outcome = call(store, owner, "task")
    except TaskError as error:
        cause = error.__cause__
        outcome = (type(error), str(error), error.args, type(cause), str(cause))
    return outcome, dict(bench.backend.requests)
