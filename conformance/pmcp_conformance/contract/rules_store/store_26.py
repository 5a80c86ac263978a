"""STORE-26: a cursor whose task is gone, in another store."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial


@rule("STORE-26")
def cursors_need_no_task(trial: Trial) -> None:
    """A cursor continues where its page ended, even in another store over another handle, and after
    its task has been deleted and newer ones have been created.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    made = [store.create(owner, "tools/call").record.task_id for _ in range(4)]
    page = store.list(owner, limit=2)
    store.delete(owner, page.tasks[-1].record.task_id)
    store.create(owner, "tools/call")
    handle = trial.open() if trial.target.shared else trial.backend
    rest = bench.store_over(handle).list(owner, cursor=page.next_cursor, limit=2)
    listed = [found.record.task_id for found in rest.tasks]
    expect_same("the tasks after the cursor", made[1::-1], listed)
    expect_same("the next cursor", None, rest.next_cursor)
