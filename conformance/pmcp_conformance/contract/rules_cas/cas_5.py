"""CAS-5: swap of an absent key."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent, expect_raises
from pmcp_storage import NotFoundError


@rule("CAS-5")
def swap_of_an_absent_key(trial: Trial) -> None:
    """put_if_version of an absent key raises NotFoundError and creates nothing.

    Why: A worker that finishes after its task was deleted would create it anew: a ghost with an
    owner who removed it. A conflict instead of NotFoundError sends it into retries that can never
    end.

    Real bug: ScyllaDB's Alternator created an empty item when an UpdateItem only removed an
    attribute of an item that did not exist; DynamoDB creates none.
    (https://github.com/scylladb/scylladb/issues/5862)

    Mend: Use an update, not an upsert, or require that the item exists. On refusal tell absence
    from another version by the row itself; insert no placeholder or lock row first.
    """
    owner = trial.owner()
    trial.store_record(trial.owner())
    for expected in (1, 2):
        expect_raises(
            NotFoundError(owner, "task"),
            trial.backend.put_if_version,
            trial.record(owner),
            expected,
        )
        expect_absent(trial, owner, "task")
