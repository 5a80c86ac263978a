"""STORE-36: cleaning up, as far as it is the store's."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import ENDED, expect_same
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns
from pmcp_storage import InMemoryBackend


@rule("STORE-36", since="1.1")
def cleaning_up(trial: Trial) -> None:
    """cleanup_expired removes the expired tasks of all owners, returns how many, and leaves every
    other task, ended ones included.

    Why: The cleanup is the one operation that crosses owners. If it goes by the status, results
    vanish before their clients have fetched them; if it counts wrongly, nobody sees that it has
    stopped working.

    Mend: Call the backend's cleanup_expired and return what it returns: it goes by the expiry
    alone.
    """
    # What the storage itself does is EXP's; here, other rules' tasks would count as well.
    backend = InMemoryBackend()
    store = StoreBench(trial).store_in_memory(backend)
    for status in ENDED:
        store.create("alice", "tools/call", task_id=status)
        store.complete_with_result("alice", status, status, 1)
    working = store.create("bob", "tools/call")
    for owner in ("alice", "bob"):
        backend.create(trial.record(owner, "expired", expires_at=datetime.now(UTC) - HOUR))
    expect_returns(2, store.cleanup_expired)
    expect_returns(0, store.cleanup_expired)
    statuses = {found.record.status for found in store.list("alice").tasks}
    expect_same("the statuses of those that are left", set(ENDED), statuses)
    expect_same("another owner's tasks", [working], store.list("bob").tasks)
