"""ERR-7: closing a handle, twice too, ends that handle and no other."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import every_operation
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_raises, expect_returns, expect_stored
from pmcp_storage import BackendError


@rule("ERR-7")
def closing(trial: Trial) -> None:
    """close can be called twice, and in the middle of an iteration; an operation after close raises
    BackendError; a second handle keeps working.

    Why: Servers close in finally blocks and signal handlers, so close comes twice; if that raises,
    it hides the error that led there. A handle that ends the storage for all takes other requests
    down with it.

    Real bug: In HerdDB's JDBC driver a second Connection.close() raised IllegalStateException, as
    the connection had already gone back to its pool. (https://github.com/diennea/herddb/issues/168)

    Mend: Close only what this handle has opened, once. Leave the closed check to the base class:
    write _get, _close and so on, do not override get and close, and open nothing lazily behind its
    back.
    """
    owner = trial.owner()
    first, second = trial.open("first"), trial.open("second")
    record = trial.record(owner)
    second.create(record)
    first.list_by_owner(owner)
    unfinished = first.iter_by_owner(owner)
    next(unfinished, None)  # nothing, where handles share nothing
    first.close()
    first.close()
    calls = every_operation(trial, first, owner)
    calls["cleanup_expired"] = first.cleanup_expired
    for name, call in calls.items():
        try:
            expect_raises(BackendError, call)
        except Violation as violation:
            expected = f"BackendError from {name} after close"
            raise Violation(expected, violation.observed) from violation
    expect_stored(trial, record, 1, second)
    changed = trial.record(owner)
    expect_returns(2, second.put_if_version, changed, 1)
    expect_stored(trial, changed, 2, second)
