"""ERR-8: errors survive pickle and copy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import cast

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import (
    caught,
    corrupt_secrets,
    failing_calls,
    misconfigured_secrets,
)
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.expectations import expect
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import StorageError


@rule("ERR-8")
def errors_survive_pickle_and_copy(trial: Trial) -> None:
    """Every error survives pickle and copy with its attributes."""
    owner = trial.owner()
    trial.store_record_at(2, owner)
    errors = {name: caught(name, call) for name, call in failing_calls(trial, owner).items()}
    errors |= corrupt_secrets(trial, owner)
    errors |= misconfigured_secrets(trial, owner)
    for name, error in errors.items():
        if isinstance(error, StorageError):
            for how, duplicate in duplicates(name, error):
                same = type(duplicate) is type(error) and vars(duplicate) == vars(error)
                same = same and str(duplicate) == str(error)
                told = f"{how}: {type(duplicate).__name__} with {short(vars(duplicate))}"
                expect(same, f"the error of {name} with {short(vars(error))}", told)


def duplicates(name: str, error: StorageError) -> Iterator[tuple[str, Exception]]:
    """The error after pickle and after copy."""
    ways: dict[str, Callable[[StorageError], Exception]] = {
        "pickle": lambda error: cast("Exception", pickle.loads(pickle.dumps(error))),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }
    for how, way in ways.items():
        try:
            yield how, way(error)
        except Exception as failure:
            told = f"{type(error).__name__}: {how} raised {type(failure).__name__}: {failure}"
            raise Violation(f"the error of {name} to survive {how}", told) from failure
