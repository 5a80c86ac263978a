"""STORE: listings, page by page."""

from __future__ import annotations

import base64

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.store import same, seeded
from pmcp_conformance.contract.store_owners import expired
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import GenericTaskStore, InvalidCursorError

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
    owner, other = trial.owner(), trial.owner()
    store = trial.store(page_size=4)
    same(trial, "the pages of an owner without tasks", [[]], pages(store, owner, None))
    made = [store.create(owner, "tools/call").record.task_id for _ in range(6)]
    store.create(other, "tools/call")
    for limit in (1, 2, 3, 5, 6, 7, None):
        found = pages(store, owner, limit)
        same(trial, f"the tasks in pages of {limit}", made[::-1], flat(found))
        size = limit or 4
        sizes = [len(page) for page in found]
        whole = [size] * ((6 - 1) // size)
        same(trial, f"the sizes of pages of {limit}", [*whole, 6 - sum(whole)], sizes)
    among_the_expired(trial)


def among_the_expired(trial: Trial) -> None:
    """Expired tasks between the others cost a listing none of them."""
    owner, store = trial.owner(), trial.store()
    for number in range(14):
        (expired if number % 3 else seeded)(trial, owner, f"{number:02}")
    live = [f"{number:02}" for number in (12, 9, 6, 3, 0)]
    for limit in (1, 2, 4, 20):
        same(trial, f"the tasks in pages of {limit}", live, flat(pages(store, owner, limit)))


@rule("STORE-26")
def cursors_need_no_task(trial: Trial) -> None:
    """A cursor goes on where its page ended, in another store and another handle too, when its task
    has been deleted and newer ones have been created.
    """
    owner, store = trial.owner(), trial.store()
    made = [store.create(owner, "tools/call").record.task_id for _ in range(4)]
    page = store.list(owner, limit=2)
    store.delete(owner, page.tasks[-1].record.task_id)
    store.create(owner, "tools/call")
    handle = trial.open() if trial.target.shared else trial.backend
    rest = trial.store(handle).list(owner, cursor=page.next_cursor, limit=2)
    listed = [found.record.task_id for found in rest.tasks]
    same(trial, "the tasks after the cursor", made[1::-1], listed)
    same(trial, "the next cursor", None, rest.next_cursor)


@rule("STORE-27")
def wrong_cursors(trial: Trial) -> None:
    """A cursor that was damaged, made up or made for another owner raises InvalidCursorError before
    any request.
    """
    owner, other, store = trial.owner(), trial.owner(), trial.store()
    for number in range(2):
        seeded(trial, owner, f"task {number}")
        seeded(trial, other, f"task {number}")
    cursor, foreign = (store.list(one, limit=1).next_cursor for one in (owner, other))
    if cursor is None or foreign is None:
        raise Violation("a next_cursor while tasks remain", "None")
    damaged = {cursor[:place] + "-" + cursor[place + 1 :] for place in range(len(cursor))}
    bare = base64.urlsafe_b64encode(b"task 1").decode()
    made_up = {"", " ", "é", "\0", cursor + "=", cursor + " ", cursor[:-4], cursor * 2, bare}
    trial.below.requests.clear()
    for wrong in (damaged | made_up | {foreign, "task 1", "A" * 4_000}) - {cursor}:
        trial.raises(InvalidCursorError, store.list, owner, cursor=wrong)
    same(trial, "requests", {}, dict(trial.below.requests))
    listed = [found.record.task_id for found in store.list(owner, cursor=cursor).tasks]
    same(trial, "the tasks after the genuine cursor", ["task 0"], listed)


@rule("STORE-28")
def the_cost_of_a_page(trial: Trial) -> None:
    """A page costs one request and one record more than it shows, however many tasks the owner has
    and however far the listing is.
    """
    owner, store = trial.owner(), trial.store()
    seeds = iter(range(100, 200))
    for count in (5, 20):
        for _ in range(count):
            seeded(trial, owner, f"{next(seeds)}")
        cursor = None
        for _ in range(count // 3):
            trial.below.requests.clear()
            trial.below.rows = 0
            cursor = store.list(owner, limit=3, cursor=cursor).next_cursor
            same(trial, "requests", {"list_by_owner": 1}, dict(trial.below.requests))
            rows = trial.below.rows
            trial.expect(rows <= 4, "at most 4 records read for a page of 3", f"{rows}")
