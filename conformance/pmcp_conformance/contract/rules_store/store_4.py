"""STORE-4: a task's expiry, from its creation on."""

from __future__ import annotations

from datetime import timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_stored_expiry


@rule("STORE-4")
def expiry_is_fixed(trial: Trial) -> None:
    """A task expires when its ttl has passed since its creation, the configured ttl unless one is
    given, and no change moves that.

    Why: Clients plan by the ttl they were promised. A task that ends early takes its result with
    it; one whose life each change prolongs never frees its owner's quota.

    Real bug: node-ts-cache defined its ttl in seconds and handed it to setTimeout, which takes
    milliseconds: an item meant to stay 60 seconds was removed after 60 milliseconds.
    (https://github.com/havsar/node-ts-cache/issues/23)

    Mend: Compute expires_at once, as created_at plus ttl in milliseconds, and carry it unchanged
    through every change. See also that the backend does not renew its native TTL on a write.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store(default_ttl_ms=420_001)
    for given, ttl in ((None, 420_001), (90_017, 90_017)):
        for name, change in CHANGES.items():
            made = store.create(owner, "tools/call", ttl_ms=given).record
            expiry = made.task.created_at + timedelta(milliseconds=ttl)
            expect_same("ttl and expiry", (ttl, expiry), (made.task.ttl, made.expires_at))
            expect_stored_expiry(trial, made)
            change(store, owner, made.task_id)
            after = store.get(owner, made.task_id).record
            kept = (after.task.created_at, after.task.ttl, after.expires_at)
            expect_same(f"after {name}", (made.task.created_at, ttl, expiry), kept)
            expect_stored_expiry(trial, made)
