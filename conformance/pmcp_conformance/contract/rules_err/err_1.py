"""ERR-1: the errors of all operations are of the contract's kinds, and show their cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import (
    error_of,
    every_operation,
    failing_calls,
    open_misconfigured,
)
from pmcp_conformance.engine.traces import examined, has_lost_its_cause
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect
from pmcp_conformance.network.faulty_connection import FaultyConnection
from pmcp_storage import StorageError


@rule("ERR-1")
def only_errors_of_the_contract(trial: Trial) -> None:
    """Every error that an operation raises is a StorageError, ValueError or TypeError; what the
    library raised is its __cause__.

    Why: A server catches StorageError. A driver's own exception passes it by, so a brief outage
    becomes a crashed handler, a dead cleanup timer, or an answer that hands driver internals to the
    client. A lost cause leaves nobody able to tell why.

    Real bug: In redis-py a socket.timeout once came out as it was and not as the library's
    TimeoutError, so its own retry_on_timeout never saw it.
    (https://github.com/redis/redis-py/pull/675)

    Mend: Wrap every call of the driver, cleanup_expired and delete included, in one place that
    catches the driver's base exception and raises BackendError from it. Look for `from None`, and
    for errors that are raised only after their except block has ended.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    calls = failing_calls(trial, owner)
    if trial.target.offers("open_misconfigured"):
        with premise("ERR-4"):
            broken = open_misconfigured(trial)
        for name, call in every_operation(trial, broken, owner).items():
            calls[f"{name} on misconfigured storage"] = call
        # Where the storage expires records by itself, cleanup_expired does nothing and may succeed.
        with of_the_contract(trial, "cleanup_expired on misconfigured storage"):
            broken.cleanup_expired()
    for name, call in calls.items():
        error = error_of(name, call)
        with of_the_contract(trial, name):
            raise error
    if trial.target.offers("address"):
        errors_of_unreachable_storage(trial, owner)


def errors_of_unreachable_storage(trial: Trial, owner: str) -> None:
    """Calls on storage that cannot be reached raise errors of the contract too."""
    with FaultyConnection(trial) as connection:
        calls = every_operation(trial, connection.handle(), owner)
        connection.proxy.refuse()
        for name, call in calls.items():
            error = error_of(name, call, "FLT-1")
            where = f"{name} on storage that cannot be reached"
            with of_the_contract(trial, where):
                raise error
            # Later calls may fail without trying to reach the storage again.
            if name == "get" and isinstance(error, StorageError):
                observed = f"{type(error).__name__} without a cause"
                wanted = f"the library's error as the __cause__ from {where}"
                expect(error.__cause__, wanted, observed)


@contextmanager
def of_the_contract(trial: Trial, name: str) -> Iterator[None]:
    """An error that is raised in here is of a kind that the contract allows, and has its cause."""
    try:
        yield
    except Exception as error:
        kinds = (StorageError, ValueError, TypeError)
        observed = f"{type(error).__module__}.{type(error).__name__}: {error}"
        expect(isinstance(error, kinds), f"a StorageError from {name}", observed)
        observed = f"{type(error).__name__}, raised while handling {error.__context__!r:.80}"
        wanted = f"the library's error as the __cause__ from {name}"
        with examined(trial, "cause", error):
            expect(not has_lost_its_cause(error), wanted, observed)
