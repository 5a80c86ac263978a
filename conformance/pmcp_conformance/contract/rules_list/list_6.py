"""LIST-6: paging, also over unusual ids."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_listed
from pmcp_conformance.generators import corpus

_UNUSUAL_IDS = {
    "KEY-3": corpus.ids.CASES,
    "KEY-4": corpus.ids.ACCENTS,
    "KEY-5": corpus.ids.SPACES,
    "KEY-6": corpus.ids.PATTERNS,
    "KEY-7": corpus.ids.UNICODE,
    "KEY-8": corpus.ids.LONG,
    "KEY-9": corpus.ids.NUMBERS,
    "KEY-10": corpus.ids.PATHS,
    "KEY-11": corpus.ids.QUERIES,
}
"""Ids to page over, by the rule that says that they are ids like any other."""

_MOST_PAGES = 50
"""Pages after which a listing that never ends is given up; no rule here needs as many."""


@rule("LIST-6")
def paging_visits_everything_once(trial: Trial) -> None:
    """Paging with `after` visits every record exactly once, for every page size.

    Why: Some tasks never appear on any page, or appear twice, or the client pages for ever. Whoever
    cleans up or exports all tasks by paging misses some.

    Real bug: khive's listing of edges paged by offset without a stable order: eight complete sweeps
    together reached only 624 of more than 2,500 different ids.
    (https://github.com/ohdearquant/khive/issues/1671)

    Mend: Page by WHERE task_id < after ORDER BY task_id DESC over the unique key: strictly less, no
    OFFSET, and no empty cursor that means the start as well as the end.
    """
    owner = trial.owner()
    trial.store_record(trial.owner(), "t3")
    ids = [f"t{number}" for number in range(7)]
    for task_id in ids:
        trial.store_record(owner, task_id)
    for limit in range(1, 9):
        seen = paged_ids(trial, owner, limit)
        expect(seen == ids[::-1], f"pages of {limit}: {ids[::-1]}", short(seen))
    for rule_id, samples in _UNUSUAL_IDS.items():
        paging_over_unusual_ids(trial, rule_id, [sample.value for sample in samples])


def paging_over_unusual_ids(trial: Trial, rule_id: str, ids: list[str]) -> None:
    """An `after` is taken as it is, whatever it looks like. That such ids can be used at all, and
    are listed, is for the rule of that id.
    """
    owner = trial.owner()
    with premise(rule_id):
        records = [trial.store_record(owner, task_id) for task_id in ids]
        expect_listed(trial, owner, *records)
    seen = paged_ids(trial, owner, 1)
    expected = sorted(ids, reverse=True)
    missing = [task_id for task_id in expected if task_id not in seen]
    observed = f"{len(seen)} records, missing {short(missing)}"
    expect(seen == expected, f"pages of 1: {short(expected)}", observed)


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
