"""DEL: what deleting a record removes, and what it leaves."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import EQUAL_CONTENTS, equal_contents
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect_absent,
    expect_listed,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.generators import corpus


@rule("DEL-1")
def delete_of_a_present_key(trial: Trial) -> None:
    """Deleting a present key returns True, and neither get nor a listing finds it any longer.

    Why: The user has deleted a task, and it is still read or listed: data that was to be removed is
    shown, and a client goes on working for it. A result other than True breaks callers that check
    `is True`.

    Real bug: NoDB with its cache switched on still loaded a deleted object, because delete removed
    it from S3 but not from the cache. (https://github.com/Miserlou/NoDB/issues/15)

    Mend: Remove record, index entry and cache entry in one transaction or script, and return
    whether a row was hit as a bool, not the row count.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    other = trial.store_record(owner, "other")
    expect_returns(True, trial.backend.delete, owner, "task")
    expect_absent(trial, owner, "task")
    expect_listed(trial, owner, other)


@rule("DEL-2")
def delete_of_an_absent_key(trial: Trial) -> None:
    """Deleting an absent key returns False and raises nothing, however often it is repeated.

    Why: The answer tells who has deleted the task. If an absent key says True, two callers both
    believe it was them; if it raises, a harmless second click or retry becomes an error.

    Real bug: Rails cache stores answer differently when an absent key is deleted: nil, false or, in
    MemcachedStore, always true; so Identity Cache could not tell a missing key from a failed
    delete. (https://github.com/Shopify/identity_cache/issues/211)

    Mend: Return rowcount > 0, DEL's count or the old item (ReturnValues=ALL_OLD); do not count
    tombstones, and catch the library's not-found error.
    """
    owner = trial.owner()
    expect_returns(False, trial.backend.delete, owner, "never written")
    trial.store_record(owner)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, owner, "task")
    for _ in range(2):
        expect_returns(False, trial.backend.delete, owner, "task")


@rule("DEL-3")
def delete_removes_exactly_its_key(trial: Trial) -> None:
    """A delete removes exactly its key: siblings whose ids share a prefix, and other owners'
    tasks, stay.

    Why: Deleting one task takes others with it: job-1 removes job-10, or one owner's delete removes
    another owner's task of the same id.

    Real bug: Filestash deleted a folder on S3 and Azure by its path as a bare prefix, so that
    deleting `folder` also wiped its sibling `folderfoo`.
    (https://github.com/mickael-kerjean/filestash/pull/996)

    Mend: Delete by equality of both key parts. No LIKE, SCAN pattern, prefix or folder: where parts
    of a record have keys of their own, list them by exact name.
    """
    owner = trial.owner()
    ids = [sample.value for sample in corpus.ids.SIBLINGS]
    siblings = {task_id: trial.store_record(owner, task_id, **EQUAL_CONTENTS) for task_id in ids}
    others = [trial.store_record(trial.owner()), trial.store_record(trial.owner(f"{owner}{{}}"))]
    for task_id in ("task", "task1", "tas"):
        with premise("DEL-1"):
            expect_returns(True, trial.backend.delete, owner, task_id)
        del siblings[task_id]
        expect_listed(trial, owner, *siblings.values())
        for record in (*siblings.values(), *others):
            expect_stored(trial, record, 1)
    deleting_what_is_equal(trial, owner=trial.owner())


def deleting_what_is_equal(trial: Trial, owner: str) -> None:
    """Of two records with the same large contents, the second stays when the first is deleted."""
    *_, large = equal_contents(trial)
    with premise("VAL-8"):
        _, second = (trial.store_record(owner, task_id, **large) for task_id in ("1st", "2nd"))
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, owner, "1st")
    expect_stored(trial, second, 1)


@rule("DEL-4")
def deleting_the_last_task(trial: Trial) -> None:
    """Deleting the last task of an owner leaves an empty listing, and the owner can write again.

    Why: An owner who tidies up can then neither list nor create tasks, or creates tasks that never
    show up: for that user the server is broken until somebody repairs the index.

    Mend: Treat a missing index, folder or partition of an owner as empty and make it again when
    needed. Do not cache that it exists, and keep no registry of owners beside the records.
    """
    owner = trial.owner()
    trial.store_record(owner)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, owner, "task")
    expect_listed(trial, owner)
    record = trial.record(owner, "next")
    expect_returns(1, trial.backend.create, record)
    expect_listed(trial, owner, record)
    expect_returns(True, trial.backend.delete, owner, "next")
    expect_listed(trial, owner)
