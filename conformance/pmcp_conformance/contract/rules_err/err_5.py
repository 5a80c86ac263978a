"""ERR-5: neither errors nor logs show what a record holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import errors_around_secrets
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.traces import SECRET, examined, logged, shows_secret, texts_of
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.prepend_error_page import PREPEND_ERROR_PAGE
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.schedules import always
from pmcp_conformance.network.tested_operations import HandleCall
from pmcp_conformance.stepping import authors_object
from pmcp_storage import BackendError


@rule("ERR-5")
def nothing_leaks(trial: Trial) -> None:
    """Neither text, args, notes nor repr of an error, a record or a handle, nor the backend's own
    log, contains variables or result.

    Why: Variables and results hold what users told a tool: documents, tokens, health data. Once in
    an exception they are in logs, error trackers and answers to clients, out of reach of any
    deletion.

    Real bug: SQLAlchemy's error and log messages show a statement's bound parameters;
    hide_parameters was added to create_engine to stop that.
    (https://github.com/sqlalchemy/sqlalchemy/issues/4815)

    Mend: Build messages from ids, sizes, versions and codes only. Chain a cause that quotes no data
    (no DETAIL, statement or parameters), log no records, and give handles a repr of their own.
    Print the type of a wrong argument, not its value.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    with logged(trial.backend.unrecorded) as log:
        for name, error in errors_around_secrets(trial, owner):
            expect_hidden_by_error(trial, f"the error of {name}", error)
        succeed_around_secrets(trial)
        expect_hidden_by_handle(trial)
        expect_hidden_by_log(trial, log)
        for name, error in errors_under_faults(trial):
            expect_hidden_by_error(trial, name, error)
    expect_hidden_by_log(trial, log)


def expect_hidden_by_error(trial: Trial, name: str, error: Exception) -> None:
    """No text of the error shows the record."""
    for text in texts_of(error):
        observed = f"{type(error).__name__}: {text[:200]}"
        with examined(trial, "secret", error):
            expect(not shows_secret(text), f"{name} without variables and result", observed)


def expect_hidden_by_handle(trial: Trial) -> None:
    """Neither a handle nor what it returns shows a record that the storage has."""
    owner = trial.owner()
    trial.backend.put(trial.record(owner, variables={"secret": SECRET}, result=SECRET))
    found = trial.backend.get(owner, "task")
    handle = authors_object(trial.backend.unrecorded)
    for name, value in (("the handle", handle), ("what get returned", found)):
        for text in (str(value), repr(value)):
            with examined(trial, "secret", returned=found):
                expect(not shows_secret(text), f"{name} shown without variables", text[:200])


def expect_hidden_by_log(trial: Trial, log: Sequence[str]) -> None:
    """No line of the log shows a record."""
    leak = next(filter(shows_secret, log), "")
    start = max(0, leak.find(SECRET) - 100)
    with examined(trial, "secret", log=log):
        expect(not leak, "a log without variables and result", leak[start : start + 200])


def succeed_around_secrets(trial: Trial) -> None:
    """Call every operation on a record that has the secret, and let one expire."""
    owner = trial.owner()
    secret: dict[str, Any] = {"variables": {"secret": SECRET}, "result": SECRET}
    trial.store_record(owner, "expired", expires_at=datetime.now(UTC) - HOUR, **secret)
    trial.store_record(owner, **secret)
    trial.backend.put_if_version(trial.record(owner, **secret), 1)
    trial.backend.list_by_owner(owner)
    list(trial.backend.iter_by_owner(owner))
    trial.backend.count_by_owner(owner, live_at=datetime.now(UTC))
    trial.backend.delete(owner, "task")
    with suppress(BackendError):  # another worker's cleanup may be in the way
        trial.backend.cleanup_expired()


def errors_under_faults(trial: Trial) -> list[tuple[str, Exception]]:
    """Each call that fails when a fault hits its answer, and its error; the record has the secret.

    Nothing where the target does not show its storage's address.
    """
    if not trial.target.offers("address"):
        return []
    record = trial.record(trial.owner(), variables={"secret": SECRET * 50}, result=SECRET)
    trial.backend.put(record)
    calls: dict[str, HandleCall] = {
        "get": lambda handle: handle.get(record.owner_id, record.task_id),
        "list_by_owner": lambda handle: handle.list_by_owner(record.owner_id),
        "put": lambda handle: handle.put(record),
    }
    jobs = [
        partial(error_under_fault, trial, f"{name} where {fault.description}", call, fault)
        for name, call in calls.items()
        for fault in (CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE, LOSE_ANSWER)
    ]
    return [found for found in run_concurrently(jobs) if found is not None]


def error_under_fault(
    trial: Trial, name: str, call: HandleCall, fault: Fault
) -> tuple[str, Exception] | None:
    """The name of the call and its error while the fault lasts; None if it succeeds."""
    with FaultyConnection(trial) as connection:
        connection.proxy.inject(always(fault))
        error = connection.call(call).error
    return None if error is None else (f"the error of {name}", error)
