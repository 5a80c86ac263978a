"""ERR-5: nothing leaks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import (
    SECRET,
    caught,
    corrupt_secrets,
    failing_calls,
    misconfigured_secrets,
    spoilt,
)
from pmcp_conformance.engine.expectations import expect
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.prepend_error_page import PREPEND_ERROR_PAGE
from pmcp_conformance.network.faulty_connection import run_concurrently
from pmcp_conformance.network.tested_operations import HandleCall


@rule("ERR-5")
def nothing_leaks(trial: Trial) -> None:
    """Neither text, args nor repr of an error, a record or a handle, nor the backend's own log,
    contains variables or result.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    with logged(trial) as log:
        shown = [
            (f"the error of {name}", caught(name, call))
            for name, call in failing_calls(trial, owner).items()
        ]
        shown += list(corrupt_secrets(trial, owner))
        shown += list(misconfigured_secrets(trial, owner))
        shown += list(spoilt_secrets(trial))
        trial.backend.put(trial.record(owner, "task", variables={"secret": SECRET}, result=SECRET))
        found = trial.backend.get(owner, "task")
        trial.backend.list_by_owner(owner)
    for name, error in shown:
        for text in (str(error), repr(error), repr(error.args)):
            told = f"{type(error).__name__}: {text[:200]}"
            expect(SECRET not in text, f"{name} without variables and result", told)
    for name, value in (("the handle", trial.backend.unrecorded), ("what get returned", found)):
        for text in (str(value), repr(value)):
            expect(SECRET not in text, f"{name} shown without variables", text[:200])
    told = next((line for line in log if SECRET in line), "")
    place = max(0, told.find(SECRET) - 100)
    expect(not told, "a log without variables and result", told[place : place + 200])


def spoilt_secrets(trial: Trial) -> list[tuple[str, Exception]]:
    """What calls on a record with secrets raise whose answers are spoilt, if anything."""
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
        partial(spoilt, trial, f"{name} where {fault.description}", call, fault)
        for name, call in calls.items()
        for fault in (CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE, LOSE_ANSWER)
    ]
    return [shown for shown in run_concurrently(jobs) if shown is not None]


@contextmanager
def logged(trial: Trial) -> Iterator[list[str]]:
    """What the loggers of the backend's own package say meanwhile; libraries' are not its own."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))  # with the traceback, where one is logged

    package = type(trial.backend.unrecorded).__module__.split(".")[0]
    loggers = [logging.getLogger(name) for name in {package, "pmcp_storage"}]
    loggers += [
        logging.getLogger(name)
        for name in logging.root.manager.loggerDict
        if name.startswith(f"{package}.")
    ]
    handler = Handler()
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
