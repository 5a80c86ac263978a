"""STORE-17: expired tasks that the storage still holds."""

from __future__ import annotations

from contextlib import suppress

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    WORKING,
    between_read_and_write,
    expect_same,
    seed_expired_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_returns, expect_stored
from pmcp_storage import TaskAlreadyExistsError


@rule("STORE-17")
def the_expired_are_absent(trial: Trial) -> None:
    """A listing leaves out expired tasks and create can reuse the id of one, even while the storage
    still holds it; nothing of the old task is left, and of two that do so at once one is refused.

    Why: Storages remove expired records minutes or days later. Meanwhile a user sees dead tasks in
    his list, and a client that repeats a request under its old id is refused.

    Real bug: Flask-Session left expiry to DynamoDB's TTL, which may delete days later, and did not
    check the expiration time of a session that it read.
    (https://github.com/pallets-eco/flask-session/issues/240)

    Mend: Compare expires_at with the store's clock on every read, fill pages with live tasks, and
    let create replace a record found expired, on condition of its version.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for number in range(3):
        seed_expired_task(trial, owner, f"{number} expired", result=1)
    live = store.create(owner, "tools/call")
    page = store.list(owner)
    expect_same("the listing", [live], page.tasks)
    expect_same("the next cursor", None, page.next_cursor)
    made = store.create(owner, "prompts/get", task_id="1 expired")
    expect_entry(store.get(owner, "1 expired"), made.record, made.version)
    record = made.record
    found = (record.status, record.request_method, record.variables, record.result)
    expect_same("what is created", (WORKING, "prompts/get", {}, None), found)
    changed = store.set_variables(owner, "1 expired", {"a": 1})
    expect_same("version after a change", made.version + 1, changed.version)
    expect_returns(True, store.delete, owner, "1 expired")
    expect_first_kept(trial, bench, owner, "2 expired")


def expect_first_kept(trial: Trial, bench: StoreBench, owner: str, task_id: str) -> None:
    """Of two that reuse an id at the same time, the second does not overwrite the first."""
    theirs = trial.record(owner, task_id)
    versions: list[int] = []

    def create_first() -> None:
        # Twice: where the storage removes the expired task just now, it begins at version 1 again.
        versions.extend(trial.backend.put(theirs) for _ in range(2))

    between_read_and_write(bench, create_first)
    with suppress(TaskAlreadyExistsError):
        bench.store().create(owner, "prompts/get", task_id=task_id)
    # Where the storage had removed it before, nothing was read and nobody was first.
    if versions:
        expect_stored(trial, theirs, versions[-1])
