"""RES: a backend leaves nothing open behind it, and leaves its process alone."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.patience import Limit
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

Resources = dict[str, Counter[str]]
"""What a process holds: of each kind, how many of which name."""

_ROUNDS = 4
"""Rounds in each of which something must have grown: more than there are threads that use a handle
at the same time."""

_NAMED = 3
"""Names of what has grown that are shown."""

_GONE_WITHIN = 2.0
"""Seconds until what has been closed must be gone: after the last round, which decides."""

_MOSTLY_GONE_WITHIN = 0.25
"""The same after the rounds before it, of which one without growth is enough."""

_LOOK_EVERY = 0.02
"""Seconds between two looks."""

_QUICK = (CRASH_BEFORE_REQUEST, CUT_REQUEST, CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE)
"""Faults that a client notices at once."""


@rule("RES-1")
def nothing_piles_up(trial: Trial) -> None:
    """After a warm-up, further handles opened, used and closed add no thread, socket or file.

    Why: What each handle leaves behind adds up in a process that runs for weeks: first slow, then
    'too many open files', or the database refuses connections to everybody.

    Real bug: redis-py clients made with from_url did not close their pool's connections when they
    were closed, and the sockets stayed open. (https://github.com/redis/redis-py/pull/2859)

    Mend: Close in a finally, also where an operation is refused or times out. _close must end
    threads, cursors, lock files and pooled connections that the handle opened; keep no list of all
    handles or cursors.
    """
    for _ in range(3):
        use_a_handle(trial)
    expect_no_growth(trial, partial(use_handles, trial, 8), "8 more handles closed")
    if trial.target.offers("address"):
        failing = partial(fail_calls, trial, *_QUICK, SWALLOW_REQUEST)
        failing()
        expect_no_growth(trial, failing, "handles closed whose calls have failed")


def expect_no_growth(trial: Trial, use: Callable[[], None], what: str) -> None:
    """What this process holds, and those in which its handles work, does not grow by each use.

    It may grow by some, for a backend may keep as much as was ever in use at the same time.
    """
    look = partial(open_resources, trial.target.processes())
    before = look()
    for within in [_MOSTLY_GONE_WITHIN] * (_ROUNDS - 1) + [_GONE_WITHIN]:
        use()
        after = settled_resources(look, before, within)
        growth = {kind: after[kind] - before[kind] for kind in after}
        if not any(grows(before, after)):
            return
        before = after
    observed = ", ".join(growth_text(kind, added) for kind, added in growth.items() if added)
    raise Violation(f"as much as before, with {what}", f"{observed}, in each of {_ROUNDS} rounds")


def grows(before: Resources, after: Resources) -> Iterator[bool]:
    """Of each kind, whether there is more of it."""
    return (after[kind].total() > before[kind].total() for kind in after)


def growth_text(kind: str, added: Counter[str]) -> str:
    """How many of a kind came, and what they are: `+2 files and sockets (2 x /tmp/tasks.db)`"""
    named = ", ".join(f"{count} x {name}" for name, count in added.most_common(_NAMED))
    return f"{added.total():+} {kind} ({named})"


def settled_resources(look: Callable[[], Resources], before: Resources, within: float) -> Resources:
    """What `look` finds, once what was closed has had `within` seconds to go.

    A server in this process takes a moment to notice that a client has left.
    """
    limit = Limit(within)
    while any(grows(before, after := look())) and not limit.is_over:
        time.sleep(_LOOK_EVERY)
    return after


def fail_calls(trial: Trial, *faults: Fault) -> None:
    """For each of the faults, open a handle, let a read and a write fail at once, and close it."""
    records = [trial.record(trial.owner()) for _ in faults]
    run_concurrently(
        [partial(fail_two_calls, trial, *pair) for pair in zip(faults, records, strict=True)]
    )


def fail_two_calls(trial: Trial, fault: Fault, record: TaskRecord) -> None:
    with FaultyConnection(trial) as connection:
        connection.proxy.inject(always(fault))
        connection.handle()
        read = partial(connection.call, lambda handle: handle.get(record.owner_id, record.task_id))
        run_concurrently([read, partial(connection.call, lambda handle: handle.create(record))])


def use_handles(trial: Trial, number: int) -> None:
    """Use this many handles, one after the other."""
    for _ in range(number):
        use_a_handle(trial)


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
    handle.put(trial.record(owner))
    handle.put_if_version(trial.record(owner), 2)
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


def open_resources(processes: Sequence[int] = ()) -> Resources:
    """The threads of this process and, where the system shows them, its open files and sockets;
    of further processes those as well."""
    gc.collect()
    found = {"threads": Counter(without_numbers(thread.name) for thread in threading.enumerate())}
    if _DESCRIPTORS.exists():
        found["files and sockets"] = descriptors(_DESCRIPTORS)
    for process in processes:
        folder = Path("/proc") / f"{process}"
        found[f"threads of process {process}"] = Counter(thread=len(os.listdir(folder / "task")))
        found[f"files and sockets of process {process}"] = descriptors(folder / "fd")
    return found


def descriptors(folder: Path) -> Counter[str]:
    """What the descriptors in that folder are open on: a path, or a word such as `socket`."""
    return Counter(descriptor_name(folder / number) for number in os.listdir(folder))


def descriptor_name(descriptor: Path) -> str:
    try:
        return without_numbers(os.readlink(descriptor))
    except OSError:
        return "closed by now"


def without_numbers(name: str) -> str:
    """The name without what tells it from others of its kind: `socket:[4711]` is a `socket`."""
    return re.sub(r":?\[?\d{2,}\]?", "", name)


_UNUSUAL_LEVEL = 7
_UNUSUAL_ZONE = "UTC0"


@rule("RES-2", main_thread=True)  # where alone signal handlers can be set
def the_process_is_left_alone(trial: Trial) -> None:
    """No operation writes to standard output or changes the root logger, signal handlers or the
    environment.

    Why: An MCP server on stdio speaks JSON-RPC on standard output; one stray line and the client
    drops the connection. Changed loggers, signals or TZ alter the rest of the program.

    Real bug: Azure DevOps' MCP server printed its version on standard output when it started, and
    clients such as Claude Desktop failed to parse it as JSON.
    (https://github.com/microsoft/azure-devops-mcp/issues/147)

    Mend: Log through logging.getLogger(__name__) without handlers or levels. No print, no
    basicConfig, no os.environ or signal.signal; give a driver its settings as arguments, and switch
    off what a native library prints.
    """
    with unusual_state(), captured_output() as output:
        before = process_state()
        trial.watchdog.run(partial(use_a_handle, trial))
        with trial.target.handle() as handle:
            use_everything(trial, watched(trial, handle), trial.owner())
        after = process_state()
    for kind, state in before.items():
        expect(after[kind] == state, f"{kind} as before", "an operation changed it")
    observed = f"{bytes(output)[:100]!r}"
    expect(not output, "nothing on standard output", observed)


@contextlib.contextmanager
def unusual_state() -> Iterator[None]:
    """A level of the root logger and a time zone that nobody sets: operations of other rules may
    have changed these before, and to change them once more would not be seen.
    """
    root, zone = logging.getLogger(), os.environ.get("TZ")
    level = root.level
    root.setLevel(_UNUSUAL_LEVEL)
    os.environ["TZ"] = _UNUSUAL_ZONE
    try:
        yield
    finally:
        root.setLevel(level)
        del os.environ["TZ"]
        if zone is not None:
            os.environ["TZ"] = zone


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
