"""LIST: what a listing holds, in which order, and how it is paged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect,
    expect_entry,
    expect_listed,
    expect_raises,
    expect_returns,
)
from pmcp_conformance.generators import corpus
from pmcp_storage import TaskRecord, TaskStatus
from pmcp_storage.backend import PAGE

_BIG = 350 * 1024
"""Bytes of a record: three of them exceed the megabyte at which DynamoDB ends a page."""

_MOST_PAGES = 50
"""Pages after which a listing that never ends is given up; no rule here needs as many."""


@rule("LIST-1")
def a_listing_is_complete_and_its_own(trial: Trial) -> None:
    """A listing holds every record of the owner and none of another owner."""
    one, two = trial.owner(), trial.owner()
    records: dict[str, list[TaskRecord]] = {one: [], two: []}
    for number in range(6):
        owner = (one, two)[number % 2]
        records[owner].append(trial.store_record(owner, f"t{number}"))
    records[one].append(trial.store_record(one, "t1"))
    for status in TaskStatus:
        task = records[one][0].task.model_copy(update={"task_id": status.value, "status": status})
        records[one].append(trial.store_record(one, status.value, task=task))
    for owner, expected in records.items():
        expect_listed(trial, owner, *expected)


@rule("LIST-2")
def unknown_owners_list_nothing(trial: Trial) -> None:
    """The listing of an unknown owner is empty."""
    trial.store_record(known := trial.owner())
    for owner in (trial.owner(), trial.owner(f"{known}{{}}")):
        expect_returns([], trial.backend.list_by_owner, owner)
        expect_returns([], list, trial.backend.iter_by_owner(owner))


@rule("LIST-3")
def entries_equal_get(trial: Trial) -> None:
    """Every entry equals what get returns: the record and its version."""
    owner = trial.owner()
    for version in (1, 2, 3):
        trial.store_record_at(version, owner, f"t{version}")
    entries = trial.backend.list_by_owner(owner)
    expect(len(entries) == 3, "three entries", f"{len(entries)}")
    for entry in entries:
        found = trial.backend.get(owner, entry.record.task_id)
        expect_entry(entry, found.record, found.version)


@rule("LIST-4")
def order_of_a_listing(trial: Trial) -> None:
    """A listing is in descending task_id order by code point."""
    owner = trial.owner()
    ids = [sample.value for sample in corpus.ids.ORDER]
    records = [trial.store_record(owner, task_id) for task_id in ids]
    expect_listed(trial, owner, *records)


@rule("LIST-5")
def a_limit(trial: Trial) -> None:
    """A listing with a limit returns the first `limit` entries of that order."""
    owner = trial.owner()
    ids = sorted(
        (trial.store_record(owner, f"t{n}").task_id for n in (3, 1, 5, 2, 4)), reverse=True
    )
    for limit in (1, 2, 4, 5, 6, 1000):
        page = trial.backend.list_by_owner(owner, limit=limit)
        found = [entry.record.task_id for entry in page]
        expect(found == ids[:limit], f"with limit={limit}: {ids[:limit]}", short(found))


@rule("LIST-6")
def paging_visits_everything_once(trial: Trial) -> None:
    """Paging with `after` visits every record exactly once, for every page size."""
    owner = trial.owner()
    trial.store_record(trial.owner(), "t3")
    ids = [f"t{number}" for number in range(7)]
    for task_id in ids:
        trial.store_record(owner, task_id)
    for limit in range(1, 9):
        seen = paged_ids(trial, owner, limit)
        expect(seen == ids[::-1], f"pages of {limit}: {ids[::-1]}", short(seen))


@rule("LIST-7")
def after_an_absent_id(trial: Trial) -> None:
    """With `after` an id that does not exist, a listing continues where that id would be."""
    owner = trial.owner()
    ids = ["b", "bb", "d", "f"]
    for task_id in ids:
        trial.store_record(owner, task_id)
    trial.store_record(owner, "e")
    with premise("DEL-1"):
        trial.backend.delete(owner, "e")
    absent = ["a", "ba", "bbb", "c", "e", "g", "B", "\U0010ffff", "\x01", "b\x01", "d\U0010ffff"]
    for after in absent:
        expected = sorted((task_id for task_id in ids if task_id < after), reverse=True)
        for limit in (2, 100):
            page = trial.backend.list_by_owner(owner, limit=limit, after=after)
            found = [entry.record.task_id for entry in page]
            wanted = f"after {after!r}, limit={limit}: {expected[:limit]}"
            expect(found == expected[:limit], wanted, short(found))


@rule("LIST-8")
def only_the_last_page_is_short(trial: Trial) -> None:
    """Only the last page is shorter than its limit, even where the storage itself pages (a few MB
    of records).
    """
    owner = trial.owner()
    size = min(_BIG, trial.target.max_record_bytes)
    ids = [f"t{number}" for number in range(4)]
    for task_id in ids:
        with premise("VAL-8"):
            trial.backend.create(trial.sized(owner, task_id, size))
    for limit, expected in ((4, ids[::-1]), (3, ids[:0:-1]), (5, ids[::-1])):
        page = trial.backend.list_by_owner(owner, limit=limit)
        found = [entry.record.task_id for entry in page]
        expect(found == expected, f"with limit={limit}: {expected}", short(found))
    limits_of_hundreds(trial)


def limits_of_hundreds(trial: Trial) -> None:
    """A page has as many records as its limit, also where that is more than `PAGE`."""
    owner, number = trial.owner(), PAGE + 20
    for task in range(number):
        trial.store_record(owner, f"t{task:03}")
    for limit in (number - 1, number, 1000):
        page = trial.backend.list_by_owner(owner, limit=limit)
        expected = min(limit, number)
        told = f"with limit={limit}, of {number} records: {expected}"
        expect(len(page) == expected, told, f"{len(page)} records")


@rule("LIST-9")
def owners_that_begin_alike(trial: Trial) -> None:
    """An owner whose id is a prefix of another's lists only its own."""
    base = trial.owner()
    endings = ("x", "#", "#TASK#", "/", ":", "%", "*", "\x01", "\U0010ffff")
    owners = [base, *(trial.owner(f"{base}{ending}{{}}") for ending in endings)]
    records = {owner: trial.store_record(owner, f"task of {i}") for i, owner in enumerate(owners)}
    for owner, record in records.items():
        expect_listed(trial, owner, record)
        expect_returns(1, trial.backend.count_by_owner, owner)


@rule("LIST-10")
def iterating_hundreds(trial: Trial) -> None:
    """iter_by_owner yields hundreds of records completely, each once, in order."""
    owner = trial.owner()
    ids = [f"t{number:03}" for number in range(205)]
    for number, task_id in enumerate(ids):
        big = number in (100, 101, 102)
        size = min(_BIG, trial.target.max_record_bytes) if big else 400
        with premise("VAL-8" if big else "CRE-1"):
            trial.backend.create(trial.sized(owner, task_id, size))
    seen = [entry.record.task_id for entry in trial.backend.iter_by_owner(owner)]
    missing = sorted(set(ids) - set(seen))
    observed = f"{len(seen)} records, {len(set(seen))} different, missing {missing[:5]}"
    expect(seen == ids[::-1], "205 records, each once, in descending order", observed)
    expect_returns(205, trial.backend.count_by_owner, owner)


@rule("LIST-11")
def writes_between_pages(trial: Trial) -> None:
    """Records written while a listing is being paged never make it skip or repeat one that was
    there all along.
    """
    owner = trial.owner()
    ids = [f"t{number}5" for number in range(9)]
    for task_id in ids:
        trial.store_record(owner, task_id)
    doomed = ["t85x", "t75x", "t05x"]
    for task_id in doomed:
        trial.store_record(owner, task_id)
    seen: list[str] = []
    after = None
    for page_number in range(20):
        page = trial.backend.list_by_owner(owner, limit=2, after=after)
        seen += [entry.record.task_id for entry in page]
        if len(page) < 2:
            break
        after = seen[-1]
        trial.store_record(owner, f"t9{page_number:02}")
        trial.store_record(owner, f"t{7 - page_number}9")
        if doomed:
            trial.backend.delete(owner, doomed.pop(0))
        trial.backend.put(trial.record(owner, ids[page_number % 9]))
    once = [task_id for task_id in seen if task_id in ids]
    expect(once == ids[::-1], f"{ids[::-1]}, each once", f"{once}, out of {short(seen)}")
    writes_during_an_iteration(trial)


def writes_during_an_iteration(trial: Trial) -> None:
    """The same of iter_by_owner, while a record ahead of all others is created, then deleted."""
    owner = trial.owner()
    ids = [f"t{number:03}" for number in range(PAGE + 2)]
    for task_id in ids:
        trial.store_record(owner, task_id)
    changes: dict[str, Callable[[], object]] = {
        "creating": lambda: trial.store_record(owner, "u"),
        "deleting": lambda: trial.backend.delete(owner, "u"),
    }
    for name, change in changes.items():
        entries = trial.backend.iter_by_owner(owner)
        seen = [next(entries).record.task_id]
        change()
        seen += [entry.record.task_id for entry in entries]
        once = [task_id for task_id in seen if task_id in ids]
        observed = f"{len(once)} entries, {len(set(once))} different"
        expected = f"iter_by_owner to yield {len(ids)}, each once, while {name} another"
        expect(once == ids[::-1], expected, observed)


@rule("LIST-12")
def limits_below_1(trial: Trial) -> None:
    """A limit below 1 raises ValueError."""
    owner = trial.owner()
    trial.store_record(owner)
    for limit in (0, -1, -100):
        expect_raises(ValueError, trial.backend.list_by_owner, owner, limit=limit)


@rule("LIST-13")
def counting(trial: Trial) -> None:
    """count_by_owner equals the length of the listing; with live_at it leaves out what has expired
    by then; with at_most it counts no further than that.
    """
    owner = trial.owner()
    trial.store_record(trial.owner())
    handle = trial.backend
    expect_returns(0, handle.count_by_owner, owner)
    now = datetime.now(UTC)
    minutes = [timedelta(minutes=m, microseconds=250_000) for m in (10, 20, 30)]
    # Those that expire first are at both ends of the listing: a scan that at_most cuts short
    # before it leaves out the expired ones counts too few, from whichever end it begins.
    for task_id, lifetime in zip(("t0", "t3", "t1"), minutes, strict=True):
        trial.store_record(owner, task_id, expires_at=now + lifetime)
    trial.store_record(owner, "t2", expires_at=None)
    expect_returns(4, handle.count_by_owner, owner)
    moment = timedelta(microseconds=1)
    cases = [(now, 4)]
    for passed, lifetime in enumerate(minutes, start=1):
        cases += [(now + lifetime - moment, 5 - passed), (now + lifetime, 4 - passed)]
        cases += [(now + lifetime + moment, 4 - passed)]
    for live_at, live in cases:
        expect_returns(live, handle.count_by_owner, owner, live_at=live_at)
        expect_returns(min(2, live), handle.count_by_owner, owner, live_at=live_at, at_most=2)
    for at_most in (1, 2, 3, 4, 5, 100):
        expect_returns(min(4, at_most), handle.count_by_owner, owner, at_most=at_most)


def paged_ids(trial: Trial, owner: str, limit: int) -> list[str]:
    """The owner's task_ids, read page by page, at most _MOST_PAGES of them."""
    seen: list[str] = []
    after = None
    for _ in range(_MOST_PAGES):
        page = trial.backend.list_by_owner(owner, limit=limit, after=after)
        expect(len(page) <= limit, f"a page of at most {limit}", f"{len(page)} entries")
        seen += [entry.record.task_id for entry in page]
        if len(page) < limit:
            break
        after = seen[-1]
    return seen
