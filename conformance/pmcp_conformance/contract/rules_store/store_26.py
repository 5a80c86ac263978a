"""STORE-26: a cursor whose task is gone, in another store."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial


@rule("STORE-26")
def cursors_need_no_task(trial: Trial) -> None:
    """A cursor continues where its page ended, even in another store over another handle, with
    another limit, and after its task has been deleted and newer ones have been created.

    Why: Behind a load balancer the next page is asked of another process, and tasks are deleted
    while somebody pages. A cursor that needs its task or its process ends the listing early.

    Real bug: In Prisma, cursor pagination returned nothing once the record that the cursor points
    at had been deleted, although more records followed.
    (https://github.com/prisma/prisma-engines/issues/1050)

    Mend: Put the last id itself (signed or checked, bound to the owner) into the cursor and
    continue with task_id < id. Do not look that task up, and keep no cursors in the store's memory.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    made = [store.create(owner, "tools/call").record.task_id for _ in range(4)]
    page = store.list(owner, limit=2)
    store.delete(owner, page.tasks[-1].record.task_id)
    for _ in range(2):
        store.create(owner, "tools/call")
    handle = trial.open() if trial.target.shared else trial.backend
    rest = bench.store_over(handle).list(owner, cursor=page.next_cursor, limit=1)
    listed = [found.record.task_id for found in rest.tasks]
    expect_same("the tasks after the cursor", [made[1]], listed)
    rest = store.list(owner, cursor=rest.next_cursor, limit=3)
    listed = [found.record.task_id for found in rest.tasks]
    expect_same("the tasks after the next cursor", [made[0]], listed)
    expect_same("the next cursor", None, rest.next_cursor)
