"""ERR-4: storage that is missing or wrongly set up is refused, whichever operation comes first."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import every_operation, open_misconfigured
from pmcp_conformance.engine.traces import examined, tells_nothing
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises
from pmcp_storage import BackendError


@rule("ERR-4", back_doors=("open_misconfigured",))
def misconfigured_storage(trial: Trial) -> None:
    """Storage that is missing or wrongly set up is refused by the first operation, with a message
    that names what is missing.

    Why: With a typo in a table's name the server starts, finds no tasks and takes new ones into a
    place nobody looks at. Or it fails with a bare code, and an operator searches for an hour for a
    missing table.

    Real bug: node-sqlite3 creates an empty database where the given path does not exist; the caller
    gets no error, only an empty store. (https://github.com/TryGhost/node-sqlite3/issues/1486)

    Mend: Do not create storage on the way. Translate the driver's 'no such table' (or folder, key
    space, bucket) into a BackendError that names it and says how to make it, in every operation,
    listings and counts included.
    """
    owner = trial.owner()
    names = every_operation(trial, trial.backend, owner)
    for name in names:
        # A handle for each, so that every operation is the first one once.
        handle = open_misconfigured(trial)
        call = every_operation(trial, handle, owner)[name]
        error = expect_raises(BackendError, call)
        observed = f"only {str(error)!r}"
        with examined(trial, "message", error):
            expect(not tells_nothing(error), f"a message from {name} that helps", observed)
