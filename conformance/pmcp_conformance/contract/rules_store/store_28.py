"""STORE-28: what a page costs, however long the listing is."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_expired_task, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect


@rule("STORE-28")
def the_cost_of_a_page(trial: Trial) -> None:
    """A page costs one request and one record more than it shows, however many tasks the owner has
    and however far the listing has come; at most four requests where tasks have expired.

    Why: The first page gets slower and dearer with every task an owner has, until it runs into time
    and memory limits, for those who use the server most.

    Real bug: Flask-Restless loaded all objects of a table to show a page of ten, so with 20,000
    records one page took four seconds. (https://github.com/jfinkels/flask-restless/issues/216)

    Mend: Hand limit + 1 and `after` down to the storage's own query (keyset on the primary key). No
    list() over iter_by_owner, no slicing in Python, no OFFSET.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    seeds = iter(range(100, 200))
    for count in (5, 12):
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
    for number in range(9):
        seed_expired_task(trial, owner, f"{900 + number}")
    bench.backend.requests.clear()
    store.list(owner, limit=1)
    requests = bench.backend.requests.total()
    expect(requests <= 4, "at most 4 requests for a page after expired tasks", f"{requests}")
