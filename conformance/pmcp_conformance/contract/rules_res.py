"""RES: a backend leaves nothing open behind it, and leaves its process alone."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faults.crash_before_request import CRASH_BEFORE_REQUEST
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.prepend_error_page import PREPEND_ERROR_PAGE
from pmcp_conformance.network.faults.swallow_request import SWALLOW_REQUEST
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.schedules import always
from pmcp_storage import StorageBackend, StorageError, TaskRecord

_DESCRIPTORS = Path("/proc/self/fd")

_GONE_WITHIN = 2.0
"""Seconds until what has been closed must be gone."""

_LOOK_EVERY = 0.02
"""Seconds between two looks."""

_QUICK = (CRASH_BEFORE_REQUEST, CUT_REQUEST, CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE)
"""Faults that a client notices at once."""


@rule("RES-1")
def nothing_piles_up(trial: Trial) -> None:
    """After a warm-up, further handles opened, used and closed add no thread, socket or file."""
    for _ in range(3):
        use_a_handle(trial)
    before = open_resources()
    for _ in range(8):
        use_a_handle(trial)
    expect_no_more_than(trial, before, "8 more handles closed")
    if trial.target.offers("address"):
        fail_calls(trial, *_QUICK)
        before = open_resources()
        fail_calls(trial, *_QUICK, SWALLOW_REQUEST)
        expect_no_more_than(trial, before, "handles closed whose calls have failed")


def expect_no_more_than(trial: Trial, before: dict[str, int], what: str) -> None:
    """This process holds no more than before, once what was closed has had time to go."""
    # A server in this process takes a moment to notice that a client has left.
    deadline = time.monotonic() + _GONE_WITHIN
    while any((after := open_resources())[kind] > before[kind] for kind in before):
        if time.monotonic() > deadline:
            observed = ", ".join(f"{after[kind] - before[kind]:+} {kind}" for kind in after)
            raise Violation(f"as much as before, with {what}", observed)
        time.sleep(_LOOK_EVERY)


def fail_calls(trial: Trial, *faults: Fault) -> None:
    """For each of the faults, open a handle, let a read and a write fail, and close it."""
    records = [trial.record(trial.owner()) for _ in faults]
    run_concurrently(
        [partial(fail_two_calls, trial, *pair) for pair in zip(faults, records, strict=True)]
    )


def fail_two_calls(trial: Trial, fault: Fault, record: TaskRecord) -> None:
    with FaultyConnection(trial) as connection:
        connection.proxy.inject(always(fault))
        connection.call(lambda handle: handle.get(record.owner_id, record.task_id))
        connection.call(lambda handle: handle.create(record))


def use_a_handle(trial: Trial) -> None:
    """Open a handle, use it in some threads, and close it when those have ended."""
    handle = watched(trial, trial.target.handle())
    users = [partial(use_everything, trial, handle, trial.owner()) for _ in range(3)]
    attempts = call_simultaneously(trial.watchdog, users)
    handle.close()
    raise_unexpected(attempts)


def use_everything(trial: Trial, handle: StorageBackend, owner: str) -> None:
    """Call every operation, and provoke every refusal."""
    record = trial.record(owner)
    absent = trial.record(owner, "absent")
    handle.create(record)
    handle.put(record)
    handle.put_if_version(record, 2)
    refused: list[Callable[[], object]] = [
        lambda: handle.create(record),
        lambda: handle.put_if_version(record, 1),
        lambda: handle.put_if_version(absent, 1),
        lambda: handle.get(owner, "absent"),
    ]
    for call in refused:
        with contextlib.suppress(StorageError):
            call()
    handle.get(owner, "task")
    handle.list_by_owner(owner)
    handle.count_by_owner(owner)
    handle.cleanup_expired()
    handle.delete(owner, "task")


def open_resources() -> dict[str, int]:
    """The threads of this process and, where the system shows them, its open files and sockets."""
    gc.collect()
    counts = {"threads": threading.active_count()}
    if _DESCRIPTORS.exists():
        counts["files and sockets"] = len(os.listdir(_DESCRIPTORS))
    return counts


@rule("RES-2", main_thread=True)  # where alone signal handlers can be set
def the_process_is_left_alone(trial: Trial) -> None:
    """No operation writes to standard output or changes the root logger, signal handlers or the
    environment.
    """
    before = process_state()
    with captured_output() as output:
        # Nothing watches the main thread: an operation that hangs must do so before, where
        # the watchdog sees it.
        trial.watchdog.run(partial(use_a_handle, trial))
        with trial.target.handle() as handle:
            use_everything(trial, handle, trial.owner())
    after = process_state()
    for kind, state in before.items():
        expect(after[kind] == state, f"{kind} as before", "an operation changed it")
    observed = f"{bytes(output)[:100]!r}"
    expect(not output, "nothing on standard output", observed)


def process_state() -> dict[str, object]:
    """What operations must leave alone."""
    root = logging.getLogger()
    return {
        "the root logger": (root.level, list(root.handlers), root.disabled),
        "the signal handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "the environment": dict(os.environ),
    }


@contextlib.contextmanager
def captured_output() -> Iterator[bytearray]:
    """What is written to standard output meanwhile, by Python or past it."""
    written = bytearray()
    text = io.StringIO()
    with tempfile.TemporaryFile() as file:
        saved = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with contextlib.redirect_stdout(text):
                yield written
        finally:
            os.dup2(saved, 1)
            os.close(saved)
        file.seek(0)
        written += text.getvalue().encode() + file.read()
