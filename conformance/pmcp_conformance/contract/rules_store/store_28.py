"""STORE-28: what a page costs, however long the listing is."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect


@rule("STORE-28")
def the_cost_of_a_page(trial: Trial) -> None:
    """A page costs one request and one record more than it shows, however many tasks the owner has
    and however far the listing has come.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    seeds = iter(range(100, 200))
    for count in (5, 20):
        for _ in range(count):
            seed_task(trial, owner, f"{next(seeds)}")
        cursor = None
        for _ in range(count // 3):
            bench.backend.requests.clear()
            bench.backend.rows = 0
            cursor = store.list(owner, limit=3, cursor=cursor).next_cursor
            expect_same("requests", {"list_by_owner": 1}, dict(bench.backend.requests))
            rows = bench.backend.rows
            expect(rows <= 4, "at most 4 records read for a page of 3", f"{rows}")
