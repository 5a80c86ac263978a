"""CON-10: processes see each other."""

from __future__ import annotations

import threading
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import ROUNDS, check_counter, check_one_winner
from pmcp_conformance.engine.attempt import Attempt, raise_unexpected
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.recording import RecordedBackend, outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.watchdog import start_thread
from pmcp_conformance.expectations import (
    expect,
    expect_absent,
    expect_entry,
    expect_raises,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import common_start, spin_until
from pmcp_conformance.interleaving.yield_points import Pause, YieldPoint, YieldPointKind, pause_at
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.increments import increment
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import NotFoundError, VersionedRecord

_SECONDS = 1.0
"""For all yield points of a swap, where an operation takes milliseconds."""

_BRIEFLY = 0.15
"""The same, of storages that have locks between processes."""

_MOMENT = 0.02
"""Seconds after which a swap that has not ended waits for another process."""

_HELD_UP = 3
"""Lines within a lock at which a process is held up for long, as by a pause of its machine."""

_QUITE_LONG = 0.6
_LONG = 3.0
"""Seconds: longer than locks that expire, or waiting for a lock, are often given."""

Shown = tuple[VersionedRecord | None, list[VersionedRecord], int]
"""What a handle finds of an owner with one task: by get, in the listing and in the count."""


@rule("CON-10", facts=("interprocess",))
def processes_see_each_other(trial: Trial) -> None:
    """What one process has written, another process reads at once, and they contend correctly for
    one version.

    Why: Web servers run several processes. What excludes threads only is no protection between
    them: updates are lost, and files read half-written, in production alone.

    Real bug: webassets' FilesystemCache was not safe for several processes: cache files could be
    corrupted, and a reader could meet one that was empty or incomplete.
    (https://github.com/miracle2k/webassets/pull/313)

    Mend: Lock through the storage or the system (a conditional write, BEGIN IMMEDIATE, flock), not
    by threading.Lock. Write a scratch file and os.replace it. No cache in the process.
    """
    owner = trial.owner()
    child = start_child(trial)
    writes_are_read(trial, child, owner)
    for number in range(ROUNDS):
        key = f"round {number}"
        trial.store_record(owner, key)
        attempts = swap_against(trial, child, owner, key)
        check_one_winner(attempts)
        found = trial.backend.get(owner, key)
        won = any(attempt.error is None for attempt in attempts)
        expect(found.version == 2 or not won, f"version 2 of {key}", f"version {found.version}")
    if processes_that_are_held_up(trial, child):
        readers_beside_a_holder(trial, child)
    nobody_reads_what_was(trial, child)
    increments_of_two_processes(trial, child, owner)


def writes_are_read(trial: Trial, child: Child, owner: str) -> None:
    """Both processes write in turn, and each reads what the other has written."""
    theirs = ChildBackend(trial, child)
    record = trial.record(owner)
    expect_raises(NotFoundError(owner, "task"), theirs.get, owner, "task")
    expect_returns(1, trial.backend.create, record)
    expect_entry(theirs.get(owner, "task"), record, 1)
    for version in (2, 4):
        record = trial.record(owner)
        expect_returns(version, theirs.put_if_version, record, version - 1)
        expect_stored(trial, record, version)
        record = trial.record(owner)
        expect_returns(version + 1, trial.backend.put, record)
        expect_entry(theirs.get(owner, "task"), record, version + 1)
    expect_returns(True, theirs.delete, owner, "task")
    expect_absent(trial, owner, "task")
    expect_returns(1, theirs.create, record)
    expect_stored(trial, record, 1)


def swap_against(trial: Trial, child: Child, owner: str, key: str) -> list[Attempt]:
    """Let this process and the child swap version 1 at the same instant."""
    theirs = MethodCall("put_if_version", (trial.record(owner, key), 1))
    handle = watched(trial, trial.backend.unrecorded)
    ours = partial(handle.put_if_version, trial.record(owner, key), 1)
    start = common_start()
    child.send(theirs, not_before=start)
    spin_until(start)
    return [Attempt.of(ours), Attempt.of(child.answer)]


def processes_that_are_held_up(trial: Trial, child: Child) -> bool:
    """Let this process swap while the child is held up at one yield point of its own swap after the
    other; and where it keeps this one waiting, as long as a lock may be held before it is taken
    away from a process that still lives, or this one loses its patience.

    Returns whether this process has waited anywhere.
    """
    waited = list[YieldPoint]()

    def swap_at(at: YieldPoint) -> bool:
        paused_at, has_waited = swap_while_held_up(trial, child, at, _MOMENT)
        if has_waited and at.kind is YieldPointKind.LINE:
            waited.append(at)
        return bool(paused_at)

    at_each_yield_point(trial, swap_at, within=_SECONDS)
    # Towards the end, where the child has looked and not yet written.
    last = waited[-_HELD_UP:]
    for at in last:
        seconds = _LONG if at in last[-2:-1] else _QUITE_LONG
        swap_while_held_up(trial, child, at, min(seconds, trial.target.answer_within))
    return bool(waited)


def swap_while_held_up(
    trial: Trial, child: Child, at: YieldPoint, seconds: float
) -> tuple[str, bool]:
    """One of both swaps succeeds; where the child was held up, and whether this one has waited for
    it all that time."""
    owner = trial.owner()
    trial.store_record(owner)
    swap = MethodCall("put_if_version", (trial.record(owner), 1))
    handle = watched(trial, trial.backend.unrecorded)
    ours = partial(handle.put_if_version, trial.record(owner), 1)
    attempts = list[Attempt]()
    paused_at = child.pause_at(at, swap)
    thread = start_thread(lambda: attempts.append(Attempt.of(ours)))
    thread.join(seconds)
    has_waited = thread.is_alive()
    if paused_at:
        child.resume()
    trial.watchdog.join(thread)
    with noting_when(paused_at and f"when a process was held up at {paused_at}"):
        check_one_winner([*attempts, Attempt.of(child.answer)])
    return paused_at, has_waited and bool(paused_at)


def readers_beside_a_holder(trial: Trial, child: Child) -> None:
    """At one line of a swap after the other another thread of this process reads, and then the
    child swaps: what the reader opens and closes takes no lock from the swap."""

    def swap_at(at: YieldPoint) -> bool:
        owner = trial.owner()
        trial.store_record(owner)
        handle = watched(trial, trial.backend.unrecorded)
        readers, reads = list[threading.Thread](), list[Attempt]()

        def read_and_let_child_swap(_: Pause) -> None:
            read = partial(handle.get, owner, "task")
            readers.append(start_thread(lambda: reads.append(Attempt.of(read))))
            readers[0].join(_MOMENT)
            child.send(MethodCall("put_if_version", (trial.record(owner), 1)))
            child.wait_until_blocked()

        ours = partial(handle.put_if_version, trial.record(owner), 1)
        files = backend_files(trial.backend.unrecorded)
        attempt = Attempt.of(partial(pause_at, at, files, read_and_let_child_swap, ours))
        for reader in readers:
            trial.watchdog.join(reader)
            with noting_when("when a thread beside it read"):
                check_one_winner([attempt, Attempt.of(child.answer)])
        raise_unexpected(reads)
        return bool(readers)

    at_each_yield_point(trial, swap_at, within=_BRIEFLY, kinds=(YieldPointKind.LINE,))


def nobody_reads_what_was(trial: Trial, child: Child) -> None:
    """What a process has read before is not what it reads after a write of another."""
    ours, theirs = trial.backend, ChildBackend(trial, child)
    writes_are_read_anew(trial, ours, theirs)
    writes_are_read_anew(trial, theirs, ours)


def writes_are_read_anew(
    trial: Trial, writer: RecordedBackend | ChildBackend, reader: RecordedBackend | ChildBackend
) -> None:
    """The reader looks before and after each write of the writer."""
    owner = trial.owner()
    version = 0
    for method in ("create", "put", "put_if_version", "delete"):
        shown(reader, owner)
        record = trial.record(owner)
        args = {"put_if_version": (record, version), "delete": (owner, "task")}
        getattr(writer, method)(*args.get(method, (record,)))
        version = 0 if method == "delete" else version + 1
        entry = VersionedRecord(record, version) if version else None
        right: Shown = (entry, [entry], 1) if entry else (None, [], 0)
        found = shown(reader, owner)
        expected = f"{shown_text(right)} after {method} in another process"
        expect(found == right, expected, shown_text(found))


def shown(reader: RecordedBackend | ChildBackend, owner: str) -> Shown:
    try:
        found = reader.get(owner, "task")
    except NotFoundError:
        found = None
    return found, reader.list_by_owner(owner), reader.count_by_owner(owner)


def shown_text(found: Shown) -> str:
    entry, listed, counted = found
    return f"get: {outcome_text(entry)}, listing: {outcome_text(listed)}, count: {counted}"


def increments_of_two_processes(trial: Trial, child: Child, owner: str) -> None:
    """Both increment one counter without waiting for each other: they meet again and again."""
    times = 150 if is_fast(trial) else 20
    record = trial.store_record(owner, "counter", variables={"counter": 0})
    child.send(MethodCall("increment", (record, times)))
    with preempting(trial, 10):
        ours = increment(watched(trial, trial.backend.unrecorded), record, times)
    theirs = child.answer()
    acknowledged = ours.acknowledged + theirs.acknowledged
    check_counter(trial, owner, "counter", acknowledged, ours.unknown + theirs.unknown)
