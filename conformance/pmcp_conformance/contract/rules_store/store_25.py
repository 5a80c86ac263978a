"""STORE-25: pages hold every task once."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, expired, seeded
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import GenericTaskStore

_MOST_PAGES = 60


def pages(store: GenericTaskStore, owner: str, limit: int | None) -> list[list[str]]:
    """The ids of the owner's tasks, page by page."""
    page = store.list(owner, limit=limit)
    found = [[entry.record.task_id for entry in page.tasks]]
    while page.next_cursor is not None:
        if len(found) == _MOST_PAGES:
            raise Violation("a last page, without next_cursor", f"{_MOST_PAGES} pages and more")
        page = store.list(owner, limit=limit, cursor=page.next_cursor)
        found.append([entry.record.task_id for entry in page.tasks])
    return found


def flat(found: list[list[str]]) -> list[str]:
    return [task_id for page in found for task_id in page]


@rule("STORE-25")
def pages_hold_every_task_once(trial: Trial) -> None:
    """A listing holds every unexpired task of the owner once, newest first, for every page size,
    and only its last page is short.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store(page_size=4)
    expect_same("the pages of an owner without tasks", [[]], pages(store, owner, None))
    made = [store.create(owner, "tools/call").record.task_id for _ in range(6)]
    store.create(other, "tools/call")
    for limit in (1, 2, 3, 5, 6, 7, None):
        found = pages(store, owner, limit)
        expect_same(f"the tasks in pages of {limit}", made[::-1], flat(found))
        size = limit or 4
        sizes = [len(page) for page in found]
        whole = [size] * ((6 - 1) // size)
        expect_same(f"the sizes of pages of {limit}", [*whole, 6 - sum(whole)], sizes)
    among_the_expired(trial, bench)


def among_the_expired(trial: Trial, bench: StoreBench) -> None:
    """Expired tasks between the others cost a listing none of them."""
    owner, store = trial.owner(), bench.store()
    for number in range(14):
        (expired if number % 3 else seeded)(trial, owner, f"{number:02}")
    live = [f"{number:02}" for number in (12, 9, 6, 3, 0)]
    for limit in (1, 2, 4, 20):
        expect_same(f"the tasks in pages of {limit}", live, flat(pages(store, owner, limit)))
