"""LIST-12: limits below 1."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises


@rule("LIST-12", facts=("in_process",))
def limits_below_1(trial: Trial) -> None:
    """A limit below 1 raises ValueError, and so does an at_most below 1.

    Why: A limit of 0 from a miscalculation either returns everything an owner has, which can be
    gigabytes, or an empty page, which a pager takes for the end.

    Real bug: GORM's Limit(0) returned all records, where the database itself returns none for LIMIT
    0. (https://github.com/go-gorm/gorm/issues/1042)

    Mend: Leave the check to the public method of the base class, and hand no limit below 1 to a
    library: many take 0 or negative numbers for 'no limit'.
    """
    owner = trial.owner()
    trial.store_record(owner)
    for limit in (0, -1, -100):
        expect_raises(ValueError, trial.backend.list_by_owner, owner, limit=limit)
        expect_raises(ValueError, trial.backend.count_by_owner, owner, at_most=limit)
