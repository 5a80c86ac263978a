"""KEY-13: names of owners."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import provoked_by
from pmcp_conformance.contract.support import with_task
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.handles import open_fresh
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_returns, expect_stored
from pmcp_conformance.generators import corpus
from pmcp_storage import TaskRecord


@rule("KEY-13", back_doors=("open_fresh",), since="1.1")
def names_of_owners(trial: Trial) -> None:
    """Any id is an owner like any other, also by itself: .., 1, true, null, PK, the owner's own
    task_id.

    Why: Owners are user names, client ids and paths of somebody else's making. Where one of them
    has a meaning to the storage, that user is locked out, shares records with another, or damages
    what the storage keeps for itself, and nobody who tests with alice and bob notices.

    Mend: Bind owners as text, compare them as text, and look for absence by `is None`, never by a
    word such as null. Give what the storage keeps for itself a place that no owner's name can
    reach, and use no owner as a file's or a table's name.
    """
    fresh = open_fresh(trial)
    samples = [*corpus.ids.NUMBERS, *corpus.ids.PATHS, *corpus.ids.RESERVED, *corpus.ids.NAMES]
    template = trial.record(trial.owner())
    records = {sample.value: with_key(template, sample.value) for sample in samples}
    for sample in samples:
        with provoked_by(sample):
            expect_returns(1, fresh.create, records[sample.value])
    for sample in samples:
        with provoked_by(sample):
            owner = sample.value
            expect_stored(trial, records[owner], 1, fresh)
            listed = [entry.record.task_id for entry in fresh.list_by_owner(owner)]
            expect(listed == [owner], f"a listing of {[owner]}", short(listed))
            expect_returns(True, fresh.delete, owner, owner)


def with_key(record: TaskRecord, name: str) -> TaskRecord:
    """The record under a key of which both ids are this one."""
    return with_task(record, task_id=name).model_copy(update={"owner_id": name})
