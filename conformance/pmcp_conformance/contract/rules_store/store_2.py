"""STORE-2: the ids that the store mints."""

from __future__ import annotations

from uuid import UUID

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial


@rule("STORE-2")
def minted_ids(trial: Trial) -> None:
    """The ids of created tasks are UUIDs of version 7, which sort by creation."""
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    minted = [store.create(owner, "tools/call").record.task_id for _ in range(12)]
    expect_same("UUID versions", {7}, {UUID(task_id).version for task_id in minted})
    expect_same("ids in the order of their creation", sorted(set(minted)), minted)
