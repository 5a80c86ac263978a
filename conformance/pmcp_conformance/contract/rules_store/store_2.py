"""STORE-2: the ids that the store mints."""

from __future__ import annotations

from uuid import UUID

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial


@rule("STORE-2")
def minted_ids(trial: Trial) -> None:
    """The ids of created tasks are UUIDs of version 7, which sort by creation.

    Why: Listings go by id. With random ids 'newest first' becomes no order at all: a new task turns
    up on some middle page, and a user looks in vain for what he has just started.

    Real bug: The Alkemio server based its pagination cursors on UUIDs, so newly created
    organizations came out in random order although their row ids were right.
    (https://github.com/alkem-io/server/issues/1910)

    Mend: Mint UUIDs of version 7 in create and keep the backend's order of task ids by code point.
    Do not sort by a time column as well.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    minted = [store.create(owner, "tools/call").record.task_id for _ in range(12)]
    expect_same("UUID versions", {7}, {UUID(task_id).version for task_id in minted})
    expect_same("ids in the order of their creation", sorted(set(minted)), minted)
