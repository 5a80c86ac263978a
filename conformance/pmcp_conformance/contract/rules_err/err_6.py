"""ERR-6: a handle works after each error that a call can raise."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import error_of, failing_calls
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored


@rule("ERR-6")
def the_handle_survives_errors(trial: Trial) -> None:
    """After an error the same handle works, and so does another.

    Why: One refused write, an everyday event, and the handle fails or loses data for all that
    follow, usually for another user, until the server is restarted.

    Real bug: When an application had failed to roll back an aborted transaction, node-postgres put
    the client back into its pool like that; whoever got it next was told that commands are ignored
    until the end of the transaction block.
    (https://github.com/brianc/node-postgres/issues/154)

    Mend: End the transaction in a finally (or use autocommit) before the connection goes back to
    the pool, not when it is taken out again. Ask the connection for its state instead of trusting a
    flag; if in doubt, close it.
    """
    owner = trial.owner()
    handles = [trial.backend]
    if trial.target.shared:
        # The other comes first: it must not have to wait until the one that failed is used again.
        handles.insert(0, trial.open("other"))
    trial.store_record_at(2, owner)
    version = 2
    for name, call in failing_calls(trial, owner).items():
        error_of(name, call)
        for handle in handles:
            version += 1
            record = trial.record(owner)
            expect_returns(version, handle.put, record)
            expect_stored(trial, record, version)
            expect_listed(trial, owner, record)
        # Back to version 2, so that each call fails in the same way.
        with premise("DEL-1"):
            trial.backend.delete(owner, "task")
        trial.store_record_at(version := 2, owner)
