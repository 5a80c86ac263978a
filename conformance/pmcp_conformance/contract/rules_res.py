"""RES: a backend keeps nothing open that it does not need, and leaves its process alone."""

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
from pmcp_conformance.engine.expectations import expect
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.connections import Route, at_once
from pmcp_conformance.network.faults import Fault, lasting
from pmcp_storage import StorageBackend, StorageError, TaskRecord

_DESCRIPTORS = Path("/proc/self/fd")

_MOMENT, _LOOKS_EVERY = 2.0, 0.02
"""Seconds until what has been closed must be gone, and between two looks."""

_QUICK = (Fault.REFUSE, Fault.CUT_REQUEST, Fault.CUT_ANSWER, Fault.GARBLE, Fault.MUDDLE)
"""Faults of which no client waits for the end."""


@rule("RES-1")
def nothing_piles_up(trial: Trial) -> None:
    """After a warm-up, further handles opened, used and closed add no thread, socket or file."""
    for _ in range(3):
        use_a_handle(trial)
    before = held()
    for _ in range(8):
        use_a_handle(trial)
    nothing_more(trial, before, "8 more handles closed")
    if trial.target.offers("address"):
        failed_by_handles(trial, *_QUICK)
        before = held()
        failed_by_handles(trial, *_QUICK, Fault.SWALLOW)
        nothing_more(trial, before, "handles closed whose calls have failed")


def nothing_more(trial: Trial, before: dict[str, int], what: str) -> None:
    # A server in this process needs a moment to notice that a client has left.
    deadline = time.monotonic() + _MOMENT
    while any((after := held())[kind] > before[kind] for kind in before):
        if time.monotonic() > deadline:
            told = ", ".join(f"{after[kind] - before[kind]:+} {kind}" for kind in after)
            raise Violation(f"as much as before, with {what}", told)
        time.sleep(_LOOKS_EVERY)


def failed_by_handles(trial: Trial, *faults: Fault) -> None:
    """Open a handle for each of the faults, let a read and a write fail, and close it."""
    records = [trial.record(trial.owner()) for _ in faults]
    at_once([partial(failed_by_handle, trial, *pair) for pair in zip(faults, records, strict=True)])


def failed_by_handle(trial: Trial, fault: Fault, record: TaskRecord) -> None:
    with Route(trial) as route:
        route.proxy.play(lasting(fault, 1))
        route.call(lambda handle: handle.get(record.owner_id, record.task_id))
        route.call(lambda handle: handle.create(record))


def use_a_handle(trial: Trial) -> None:
    """Open a handle, use it in some threads, and close it when those have ended."""
    handle = watched(trial, trial.target.handle())
    users = [partial(use_everything, trial, handle, trial.owner()) for _ in range(3)]
    attempts = call_simultaneously(trial.watchdog, users)
    handle.close()
    raise_unexpected(attempts)


def use_everything(trial: Trial, handle: StorageBackend, owner: str) -> None:
    """Every operation, and every refusal."""
    record, absent = trial.record(owner), trial.record(owner, "absent")
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


def held() -> dict[str, int]:
    """The threads of this process and, where the system tells, its open files and sockets."""
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
        # Nobody would notice an operation that hangs in the main thread: first where somebody does.
        trial.watchdog.carry_out(partial(use_a_handle, trial))
        with trial.target.handle() as handle:
            use_everything(trial, handle, trial.owner())
    after = process_state()
    for kind, state in before.items():
        expect(after[kind] == state, f"{kind} as before", "an operation changed it")
    told = f"{bytes(output)[:100]!r}"
    expect(not output, "nothing on standard output", told)


def process_state() -> dict[str, object]:
    """What operations must leave as it is."""
    root = logging.getLogger()
    return {
        "the root logger": (root.level, list(root.handlers), root.disabled),
        "the signal handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "the environment": dict(os.environ),
    }


@contextlib.contextmanager
def captured_output() -> Iterator[bytearray]:
    """What is written to standard output meanwhile, by Python or beside it."""
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
