"""ERR-1: only our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import caught, every_operation, failing_calls
from pmcp_conformance.engine.expectations import expect
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.connections import Route
from pmcp_storage import BackendError, StorageError


@rule("ERR-1")
def only_our_errors(trial: Trial) -> None:
    """Every error that an operation raises is a StorageError, ValueError or TypeError; what the
    library raised is its __cause__.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    calls = failing_calls(trial, owner)
    if trial.target.offers("open_misconfigured"):
        broken = trial.adopt(trial.target.handle("open_misconfigured"), "misconfigured")
        for name, call in every_operation(trial, broken, owner).items():
            calls[f"{name} on misconfigured storage"] = call
        # A storage that expires records by itself has nothing to do here, and so may not fail.
        with one_of_ours(trial, "cleanup_expired on misconfigured storage"):
            broken.cleanup_expired()
    for name, call in calls.items():
        error = caught(name, call)
        with one_of_ours(trial, name):
            raise error
    if trial.target.offers("address"):
        only_our_errors_of_the_unreachable(trial, owner)


def only_our_errors_of_the_unreachable(trial: Trial, owner: str) -> None:
    """The same of storage that cannot be reached."""
    with Route(trial) as route:
        calls = every_operation(trial, route.handle(), owner)
        route.proxy.refuse()
        for name, call in calls.items():
            error = caught(name, call, "FLT-1")
            where = f"{name} on storage that cannot be reached"
            with one_of_ours(trial, where):
                raise error
            # Later ones may fail without a look at the storage.
            if name == "get" and isinstance(error, StorageError):
                told = f"{type(error).__name__} without a cause"
                expect(error.__cause__, f"the library's error as the __cause__ from {where}", told)


@contextmanager
def one_of_ours(trial: Trial, name: str) -> Iterator[None]:
    """An error that is raised in here is of the contract's kinds and shows its cause."""
    try:
        yield
    except Exception as error:
        kinds = (StorageError, ValueError, TypeError)
        told = f"{type(error).__module__}.{type(error).__name__}: {error}"
        expect(isinstance(error, kinds), f"a StorageError from {name}", told)
        lost = isinstance(error, BackendError) and error.__context__ and not error.__cause__
        told = f"{type(error).__name__}, raised while handling {error.__context__!r:.80}"
        expect(not lost, f"the library's error as the __cause__ from {name}", told)
