"""KEY-2: delimiters."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import provoked_by
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored
from pmcp_conformance.generators import corpus
from pmcp_conformance.generators.corpus import Sample
from pmcp_storage import TaskRecord


@rule("KEY-2")
def delimiters(trial: Trial) -> None:
    """Delimiters inside ids never join or split keys: ("a:b", "c") and ("a", "b:c"), and so for
    # / | % \\ , ; and space.

    Why: With a chosen owner or task id, one user reaches another's record: a leak that can be
    provoked on purpose.

    Real bug: Camunda's document store built GCS keys as prefix + documentId without enforcing a
    separator: one tenant could read, overwrite and delete blobs of another whose prefix began with
    its own. (https://github.com/camunda/camunda/issues/56448)

    Mend: Keep two columns or key parts. If there must be one string, prefix the length of the first
    part, escape delimiter and escape character, or hash each part by itself.
    """
    for pair in corpus.ids.JOINED:
        unique = trial.owner()
        sample = Sample((pair.left, pair.right), pair.provokes)
        with provoked_by(sample):
            sides = [
                trial.record(trial.claim_owner(form.replace("{}", unique)), task_id)
                for form, task_id in (pair.left, pair.right)
            ]
            for record in sides:
                expect_returns(1, trial.backend.create, record)
            for record in sides:
                expect_stored(trial, record, 1)
                expect_listed(trial, record.owner_id, *of_one_owner(record, sides))
            expect_returns(True, trial.backend.delete, sides[0].owner_id, sides[0].task_id)
            expect_stored(trial, sides[1], 1)


def of_one_owner(record: TaskRecord, sides: list[TaskRecord]) -> list[TaskRecord]:
    """Those records of a pair whose owner is that of the record."""
    return [side for side in sides if side.owner_id == record.owner_id]
