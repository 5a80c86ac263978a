"""STORE-25: the pages of a listing, for every size, with expired tasks among the others."""

from __future__ import annotations

from itertools import chain

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_expired_task, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import GenericTaskStore

_MOST_PAGES = 60
"""Pages after which a listing that never ends is given up; no owner here needs as many."""


@rule("STORE-25")
def pages_hold_every_task_once(trial: Trial) -> None:
    """A listing holds every unexpired task of the owner once, newest first, for every page size,
    and only its last page is short, unless very many in a row have expired.

    Why: A user who pages through his tasks sees some twice and others never; a page that is short
    or empty in the middle ends the listing for most clients.

    Real bug: In AWS Amplify's API a limit counted the records searched, not those returned: a list
    query with a filter and limit 1 gave no item, only a nextToken, although one item matched.
    (https://github.com/aws-amplify/amplify-cli/issues/449)

    Mend: Ask the backend for limit + 1 records strictly below the cursor's id (<, not <=), drop the
    expired, and read on until the page is full or the storage is exhausted. Give a cursor whenever
    more may follow.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store(page_size=4)
    expect_same("the pages of an owner without tasks", [[]], task_ids_by_page(store, owner, None))
    made = [store.create(owner, "tools/call").record.task_id for _ in range(6)]
    store.create(other, "tools/call")
    for limit in (1, 2, 3, 5, 6, 7, None):
        found = task_ids_by_page(store, owner, limit)
        expect_same(f"the tasks in pages of {limit}", made[::-1], list(chain(*found)))
        size = limit or 4
        sizes = [len(page) for page in found]
        whole = [size] * ((6 - 1) // size)
        expect_same(f"the sizes of pages of {limit}", [*whole, 6 - sum(whole)], sizes)
    expect_expired_left_out(trial, bench)


def expect_expired_left_out(trial: Trial, bench: StoreBench) -> None:
    """Expired tasks among the others make no page incomplete; a few in a row make none short."""
    owner = trial.owner()
    store = bench.store()
    for number in range(19):
        live = number < 10 and number % 3 == 0
        (seed_task if live else seed_expired_task)(trial, owner, f"{number:02}")
    for limit in (1, 2, 4, 20):
        first, *others = task_ids_by_page(store, owner, limit)
        found = [*first, *chain(*others)]
        expect_same(f"the tasks in pages of {limit}", ["09", "06", "03", "00"], found)
        short = [page for page in others[:-1] if len(page) < limit]
        expect_same(f"short pages of {limit} after the first", [], short)


def task_ids_by_page(store: GenericTaskStore, owner: str, limit: int | None) -> list[list[str]]:
    """The ids of the owner's tasks, page by page."""
    page = store.list(owner, limit=limit)
    found = [[entry.record.task_id for entry in page.tasks]]
    while page.next_cursor is not None:
        if len(found) == _MOST_PAGES:
            raise Violation("a last page, without next_cursor", f"{_MOST_PAGES} pages and more")
        page = store.list(owner, limit=limit, cursor=page.next_cursor)
        found.append([entry.record.task_id for entry in page.tasks])
    return found
