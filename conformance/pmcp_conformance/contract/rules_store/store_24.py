"""STORE-24: the requests that each operation sends."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, INPUT, expect_requests, seed_task
from pmcp_conformance.engine.trial import Trial


@rule("STORE-24")
def requests_per_operation(trial: Trial) -> None:
    """A change takes two requests, get and get_result one, create one and one more to count for a
    quota, delete two, a page of a listing one.

    Why: Each request costs money and some milliseconds on a cloud's database, on every poll of
    every client. One superfluous read per change raises cost and load by half.

    Real bug: TypeORM's repository.save() queries the database for the entity each time before it
    writes it, even if the caller has just loaded it.
    (https://github.com/typeorm/typeorm/issues/9130)

    Mend: A change is one get and one put_if_version; answer from the record written and the version
    returned. Do not read back, do not look before create, and count only if there is a quota.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    with_quota = bench.store(max_tasks_per_owner=20)
    expect_requests(bench, {"create": 1}, "create", partial(store.create, owner, "tools/call"))
    expect_requests(
        bench,
        {"count_by_owner": 1, "create": 1},
        "create under a quota",
        partial(with_quota.create, owner, "tools/call"),
    )
    for name, change in CHANGES.items():
        seed_task(trial, owner, name)
        two = {"get": 1, "put_if_version": 1}
        expect_requests(bench, two, name, partial(change, store, owner, name))
    seed_task(trial, owner, "asking")
    asking = partial(store.update_status, owner, "asking", INPUT, "your name?")
    expect_requests(bench, {"get": 1, "put_if_version": 1}, "update_status", asking)
    ended = "complete_with_result"
    expect_requests(bench, {"get": 1}, "get", partial(store.get, owner, ended))
    expect_requests(bench, {"get": 1}, "get_result", partial(store.get_result, owner, ended))
    expect_requests(bench, {"list_by_owner": 1}, "list", partial(store.list, owner))
    expect_requests(bench, {"get": 1, "delete": 1}, "delete", partial(store.delete, owner, ended))
