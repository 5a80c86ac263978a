"""EXP-3: a cleanup removes what has expired, however long ago and whoever owns it."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import clean_up, store_expired
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent, expect_listed, expect_returns


@rule("EXP-3", facts=("not native_expiry",))
def cleanup_removes_the_expired(trial: Trial) -> None:
    """After cleanup_expired the expired records of an owner are gone.

    Why: Expired tasks, with their data, stay readable and fill the storage, although the operator
    runs the cleanup and the user was promised that they go.

    Real bug: In trpc-agent-go's MySQL session service duplicate rows made the soft delete violate a
    unique key; the whole cleanup rolled back, and picking the same rows again it made no progress.
    (https://github.com/trpc-group/trpc-agent-go/issues/2111)

    Mend: Delete all rows with expires_at <= the present instant, for every owner, record and index
    together. Use clock_timestamp() or a parameter, not now() of a transaction left open; one bad
    row must not stop the rest.
    """
    cleaners = [trial.backend]
    if trial.target.shared:
        cleaners.append(trial.open("cleaner"))
    for cleaner in cleaners:
        owner, other = trial.owner(), trial.owner("a:b/{}|c#d_e")
        # Whatever time it is when the cleaner reads, it is later when it cleans.
        expect_returns([], cleaner.list_by_owner, owner)
        expired = store_expired(trial, owner) + store_expired(trial, other, "a:b/{}|c#d_e")
        clean_up(cleaner)
        for record in expired:
            expect_absent(trial, record.owner_id, record.task_id)
        expect_listed(trial, owner)
        expect_returns(0, trial.backend.count_by_owner, owner)
