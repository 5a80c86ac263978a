"""CAS-3: swap with a version never reached."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict_at
from pmcp_conformance.engine.trial import Trial


@rule("CAS-3")
def swap_with_a_version_never_reached(trial: Trial) -> None:
    """put_if_version with a version never reached raises the same error.

    Why: A version from the future comes from a bug, a restored backup or a record that was created
    again. Accepting it overwrites a record that the caller has never seen; NotFoundError makes a
    live task look deleted.

    Real bug: Simple uploads to fake-gcs-server ignored ifGenerationMatch, so conditional writes
    succeeded whatever generation they named. (https://github.com/fsouza/fake-gcs-server/pull/2308)

    Mend: Compare for equality, never with <= or >=, and in full width. An expected version that the
    column's type cannot hold is a conflict too: send one that no record has.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    # Some of them are 2 where only so many bits of them are kept.
    wrapping = (2**bits + 2 for bits in (15, 16, 31, 32, 53, 63, 64))
    for expected in (3, 4, 100, 2**31 - 1, *wrapping, 10**40, 10**100):
        expect_conflict_at(trial, trial.record(owner), expected, actual=2)
