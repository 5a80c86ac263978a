"""CAS-2: swap with an older version."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict_at
from pmcp_conformance.engine.trial import Trial


@rule("CAS-2")
def swap_with_an_older_version(trial: Trial) -> None:
    """put_if_version with an older version raises ConcurrentModificationError carrying the
    expected and the stored version.

    Why: A caller with an outdated copy overwrites newer work: a cancelled task runs on, a result is
    lost. If the error names the wrong version, a caller that retries from it never gets through, or
    overwrites.

    Real bug: Protean's save() compared the version in its write, but update() wrote without the
    comparison, so two concurrent updates could both succeed and one was lost silently.
    (https://github.com/proteanhq/protean/issues/1255)

    Mend: Put the version into the write's condition with =, check the row count, and take the
    actual version from the stored row (ALL_OLD, a locking read, the script's answer), not by
    guessing.
    """
    owner = trial.owner()
    trial.store_record_at(4, owner)
    for expected in (1, 2, 3):
        expect_conflict_at(trial, trial.record(owner), expected, actual=4)
    odd = trial.owner("a:b/{}#c"), "d:e/f#g"
    trial.store_record_at(2, *odd)
    expect_conflict_at(trial, trial.record(*odd), 1, actual=2)
