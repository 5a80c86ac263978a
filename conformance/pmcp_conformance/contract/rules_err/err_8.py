"""ERR-8: errors survive pickle and copy, so that they can cross processes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import cast

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import (
    error_of,
    errors_of_corrupt_rows,
    errors_on_misconfigured_storage,
    failing_calls,
)
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect
from pmcp_storage import StorageError


@rule("ERR-8")
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
    errors = {name: error_of(name, call) for name, call in failing_calls(trial, owner).items()}
    errors |= errors_of_corrupt_rows(trial, owner)
    errors |= errors_on_misconfigured_storage(trial, owner)
    for name, error in errors.items():
        if isinstance(error, StorageError):
            for how, duplicate in duplicates(name, error):
                observed = f"{how}: {type(duplicate).__name__} with {short(vars(duplicate))}"
                wanted = f"the error of {name} with {short(vars(error))}"
                expect(is_equal(error, duplicate), wanted, observed)


def duplicates(name: str, error: StorageError) -> Iterator[tuple[str, Exception]]:
    """The error after each way to duplicate it, by the name of the way."""
    ways_to_duplicate: dict[str, Callable[[StorageError], Exception]] = {
        "pickle": lambda error: cast("Exception", pickle.loads(pickle.dumps(error))),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }
    for how, duplicate in ways_to_duplicate.items():
        try:
            yield how, duplicate(error)
        except Exception as failure:
            observed = f"{type(error).__name__}: {how} raised {type(failure).__name__}: {failure}"
            raise Violation(f"the error of {name} to survive {how}", observed) from failure


def is_equal(error: StorageError, duplicate: Exception) -> bool:
    """Whether both are of one kind, with equal attributes and the same text."""
    return (type(duplicate), vars(duplicate), str(duplicate)) == (
        type(error),
        vars(error),
        str(error),
    )
