"""LIST-11: writes between pages, and during an iteration."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect
from pmcp_storage.backend import PAGE


@rule("LIST-11")
def writes_between_pages(trial: Trial) -> None:
    """Records written while a listing is being paged never make it skip or repeat one that was
    there all along.

    Why: While a user scrolls, new tasks arrive and others are removed. A position that shifts hides
    a task which was there all the time, or shows it twice.

    Real bug: Taskcluster's internal scans paged by size and offset: a row inserted meanwhile could
    make one be processed twice, a deletion could make one be skipped.
    (https://github.com/taskcluster/taskcluster/issues/3278)

    Mend: Continue after the last id seen (keyset), not at an OFFSET or a list position, and order
    by the id, which never changes, not by the time of the last change.
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
        with premise("LIST-14"):
            change()
        seen += [entry.record.task_id for entry in entries]
        once = [task_id for task_id in seen if task_id in ids]
        observed = f"{len(once)} entries, {len(set(once))} different"
        expected = f"iter_by_owner to yield {len(ids)}, each once, while {name} another"
        expect(once == ids[::-1], expected, observed)
