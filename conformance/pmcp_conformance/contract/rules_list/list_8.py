"""LIST-8: pages that are large, in bytes and in records."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_list.support import BIG
from pmcp_conformance.contract.support import ManyRecords
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect
from pmcp_storage.backend import PAGE


@rule("LIST-8")
def only_the_last_page_is_short(trial: Trial) -> None:
    """Only the last page is shorter than its limit, even where the storage itself pages (a few MB
    of records).

    Why: Callers take a short page for the last one. If the storage's own page size shows through,
    an owner with large or many tasks sees only the first of them.

    Real bug: In DynamoDB's API a Limit applies before the filter, so a user of the AWS SDK for Java
    who asked for 5 items got fewer although more matched; this is how the service works.
    (https://github.com/aws/aws-sdk-java/issues/339)

    Mend: Go on reading while the storage reports more (LastEvaluatedKey, a cursor that is not 0)
    until the limit is reached, and put no cap of your own on limits.
    """
    owner = trial.owner()
    size = min(BIG, trial.target.max_record_bytes)
    ids = [f"t{number}" for number in range(4)]
    for task_id in ids:
        with premise("VAL-8"):
            trial.backend.create(trial.sized(owner, task_id, size))
    for limit, expected in ((4, ids[::-1]), (3, ids[:0:-1]), (5, ids[::-1])):
        page = trial.backend.list_by_owner(owner, limit=limit)
        found = [entry.record.task_id for entry in page]
        expect(found == expected, f"with limit={limit}: {expected}", short(found))
    limits_of_hundreds(trial)
    limits_of_thousands(trial)


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


def limits_of_thousands(trial: Trial) -> None:
    """The same of more records than storages list at a time, where there can be storage for them
    alone."""
    if not trial.target.offers("open_fresh"):
        return
    many = trial.run.shared(ManyRecords, lambda: ManyRecords(trial))
    for limit in (1_001, len(many.ids) + 1_000):
        page = many.handle.list_by_owner(many.owner, limit=limit)
        expected = min(limit, len(many.ids))
        told = f"with limit={limit}, of {len(many.ids)} records: the first {expected}"
        found = [entry.record.task_id for entry in page]
        expect(found == many.ids[:limit], told, f"{len(found)} records")
