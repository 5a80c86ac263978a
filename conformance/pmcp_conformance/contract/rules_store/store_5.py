"""STORE-5: the bounds of a ttl."""

from __future__ import annotations

from datetime import timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_raises
from pmcp_storage import InvalidArgumentError, InvalidTtlError


@rule("STORE-5")
def ttl_out_of_bounds(trial: Trial) -> None:
    """A ttl that is not an int, is below 1 or exceeds the configured maximum is refused before any
    request; 1 and the maximum are accepted as they are.

    Why: A ttl that is shortened in silence lets the task disappear while the client still waits; a
    0 that turns into the default keeps it for an hour instead of refusing it.

    Real bug: The cache TTL of Cloudflare's Agents SDK could not be set to 0: the value was tested
    for truth, and 0 gave the default of five minutes.
    (https://github.com/cloudflare/agents/issues/709)

    Mend: Test `ttl_ms is None`, not its truth. Refuse bool, float, values below 1 and above
    max_ttl_ms with InvalidTtlError before any request, and do not clamp.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store(default_ttl_ms=1_000, max_ttl_ms=3_000_000)
    bench.backend.requests.clear()
    for ttl in (0, -1, 3_000_001, 2**70):
        error = InvalidTtlError(ttl, 3_000_000)
        expect_raises(error, store.create, owner, "tools/call", ttl_ms=ttl)
    for wrong in (True, 1.5, "1000", float("inf")):
        expect_raises(InvalidArgumentError, store.create, owner, "tools/call", ttl_ms=wrong)
    expect_same("requests", {}, dict(bench.backend.requests))
    granted = store.create(owner, "tools/call", ttl_ms=3_000_000).record
    expect_same("ttl", 3_000_000, granted.task.ttl)
    expect_listed(trial, owner, granted)
    shortest = store.create(owner, "tools/call", ttl_ms=1).record
    lifetime = (shortest.task.ttl, shortest.expires_at)
    expires_at = shortest.task.created_at + timedelta(milliseconds=1)
    expect_same("the shortest ttl and its expiry", (1, expires_at), lifetime)
