"""ERR-8: errors survive pickle and copy, so that they can cross processes."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import errors_around_secrets
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.traces import duplicates, examined, is_equal
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect
from pmcp_storage import StorageError


@rule("ERR-8", facts=("in_process",))
def errors_survive_pickle_and_copy(trial: Trial) -> None:
    """Every error survives pickle and copy with its attributes.

    Why: Errors cross process boundaries in pools, task queues and test runners. One that cannot be
    rebuilt arrives as a TypeError or as a broken pool, and its versions and ids are gone with it.

    Real bug: LanceDB's client errors require a request_id that pickle does not pass on: in a
    process pool, any server error arrived as BrokenProcessPool without its cause.
    (https://github.com/lancedb/lancedb/issues/3447)

    Mend: Raise the errors of pmcp_storage as they are. A subclass must accept exactly what it puts
    into args, or define __reduce__, and must not hold connections, locks or rows.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    for name, error in errors_around_secrets(trial, owner):
        if isinstance(error, StorageError):
            with examined(trial, "duplicates", error):
                expect_duplicates(name, error)


def expect_duplicates(name: str, error: StorageError) -> None:
    """Each way to duplicate the error gives an equal one."""
    for how, duplicate in duplicates(error):
        try:
            made = duplicate()
        except Exception as failure:
            observed = f"{type(error).__name__}: {how} raised {type(failure).__name__}: {failure}"
            raise Violation(f"the error of {name} to survive {how}", observed) from failure
        observed = f"{how}: {type(made).__name__} with {short(vars(made))}"
        expect(is_equal(error, made), f"the error of {name} with {short(vars(error))}", observed)
