"""LIST-9: owners that begin alike."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns
from pmcp_conformance.generators import corpus


@rule("LIST-9")
def owners_that_begin_alike(trial: Trial) -> None:
    """An owner whose id is a prefix of another's lists only its own.

    Why: The owner 'ann' sees the tasks of 'anna': a leak between tenants that shows only for
    certain names.

    Real bug: Wellcome Collection's storage service listed by prefix without a final slash, so
    replicating version v1 of a bag also copied v10.
    (https://github.com/wellcomecollection/platform/issues/4745)

    Mend: Compare the owner for equality. If keys must be one string, end the owner's part with a
    terminator that no id can contain, or encode its length.
    """
    base = trial.owner()
    endings = ("x", "/", ":", "%", "*", "\x01", "\U0010ffff", *corpus.ids.LABELS)
    owners = [base, *(trial.owner(f"{base}{ending}{{}}") for ending in endings)]
    records = {owner: trial.store_record(owner, f"task of {i}") for i, owner in enumerate(owners)}
    for owner, record in records.items():
        expect_listed(trial, owner, record)
        expect_returns(1, trial.backend.count_by_owner, owner)
