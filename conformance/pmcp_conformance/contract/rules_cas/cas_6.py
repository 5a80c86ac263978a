"""CAS-6: a version can be used once."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict, expect_swap
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_stored


@rule("CAS-6")
def a_version_can_be_used_once(trial: Trial) -> None:
    """A version can be used once: the second put_if_version with it is refused.

    Why: Two workers read one version and both store their result; one is silently overwritten
    although both were told that they had succeeded.

    Real bug: Protean's SQLAlchemy adapter compared the version in Python and then wrote
    unconditionally: under READ COMMITTED two units of work could pass with the same version.
    (https://github.com/proteanhq/protean/issues/1087)

    Mend: Compare and advance in the same atomic step. Recognize a repeat by a token that is fresh
    for each call, never by key and version, which two different writers can share.
    """
    owner = trial.owner()
    trial.store_record(owner)
    winner = trial.record(owner)
    expect_swap(trial, winner, 1)
    expect_conflict(trial, trial.record(owner), 1)
    expect_stored(trial, winner, 2)
