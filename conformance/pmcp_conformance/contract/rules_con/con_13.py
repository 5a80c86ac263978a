"""CON-13: a handle on both sides of a fork."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import check_counter, check_one_winner
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import NotApplicable
from pmcp_conformance.expectations import expect, expect_entry, expect_returns
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.simultaneous import common_start
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.fork_server import fork_child, start_child
from pmcp_conformance.processes.increments import Increments
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import StorageError, TaskRecord

_FORKS = 4
"""Forks that work for a while."""

_MEETINGS = 12
"""Forks that only begin to work at the same time as the other process. Where both use one
connection to PostgreSQL, answers are mixed up in half of these beginnings; in the others one of
the two finds the connection broken and opens another."""

_SECONDS = 1.0
"""For all yield points of a write and a read, where an operation takes milliseconds."""

_TURNS = 6
"""Writes of either process, one after the other."""


@rule("CON-13", facts=("interprocess", "in_process"), since="1.1")
def one_handle_on_both_sides_of_a_fork(trial: Trial) -> None:
    """A handle that is idle while its process forks works on in that process; in the forked one it
    works like another handle, or its operations are refused with BackendError: no answer goes to
    the other process, and nothing hangs.

    Why: Pre-forking servers load the application once and then fork their workers. If both
    processes use one socket, each reads the other's answers: a user is shown another's task, and
    both hang when an answer has gone to the wrong one.

    Real bug: In Zonemaster-Backend a check at startup connected to the database before the daemon
    forked; parent and children then used one connection, calls failed at random and tests made no
    progress. (https://github.com/zonemaster/zonemaster-backend/pull/1256)

    Mend: Remember os.getpid() with each connection, or use os.register_at_fork, and in another
    process open a connection of your own. Do not close the inherited one in a way that says goodbye
    to the server, for it is still the parent's; replace inherited locks as well.
    """
    if not hasattr(os, "fork"):
        raise NotApplicable("no os.fork")
    child = start_child(trial)
    ours = ChildBackend(trial, child)
    record = trial.record(trial.owner())
    expect_returns(1, ours.create, record)
    for _ in range(_FORKS):
        fork = fork_child(trial, child)
        one_of_both_wins(trial, child, fork)
        reads_what_was_there(trial, fork, record)
        write_in_turn(trial, child, fork)
        times = 60 if is_fast(trial) else 30
        increment_together(trial, child, fork, ("both", "both"), times)
        increment_together(trial, child, fork, ("ours", "theirs"), times)
        end_of_the_fork(trial, child, fork)
    for _ in range(_MEETINGS):
        fork = fork_child(trial, child)
        increment_together(trial, child, fork, ("ours", "theirs"), 2)
        fork.close()
    for kind in (YieldPointKind.OUTWARD_CALL, YieldPointKind.LINE):
        at_each_yield_point(trial, partial(met_at, trial, child), within=_SECONDS, kinds=[kind])


def reads_what_was_there(trial: Trial, fork: Child, record: TaskRecord) -> None:
    """The fork reads what was written before it, or is refused."""
    attempt = attempt_of(trial, fork, "get", record.owner_id, record.task_id)
    if not refused(attempt):
        expect_entry(attempt.unwrap(), record, 1)


def one_of_both_wins(trial: Trial, child: Child, fork: Child) -> None:
    """Of the first write of either process, by one version, one succeeds: what tells the writes of
    a handle apart, such as a random token, may go on from the same state in both."""
    owner = trial.owner()
    trial.store_record(owner)
    swaps = [trial.record(owner, variables={"by": name}) for name in ("ours", "theirs")]
    attempts = [
        attempt_of(trial, process, "put_if_version", swap, 1)
        for process, swap in zip((child, fork), swaps, strict=True)
    ]
    check_one_winner(attempts)


def write_in_turn(trial: Trial, child: Child, fork: Child) -> None:
    """Both write a record by turns, and each reads what the other has written."""
    owner = trial.owner()
    trial.store_record(owner)
    version = 1
    for turn in range(_TURNS):
        writer, reader = (child, fork) if turn % 2 else (fork, child)
        record = trial.record(owner)
        written = attempt_of(trial, writer, "put_if_version", record, version)
        if refused(written) and writer is fork:
            continue
        version += 1
        observed = f"the process {name_of(writer, fork)} has, which {written}"
        expect(written.result == version, f"a write that returns {version}", observed)
        read = attempt_of(trial, reader, "get", owner, "task")
        if not (refused(read) and reader is fork):
            expect_entry(read.unwrap(), record, version)


def met_at(trial: Trial, child: Child, at: YieldPoint) -> bool:
    """A fork reads and writes while the other process has paused there in doing so, perhaps
    between its request and the answer; False if it has fewer yield points."""
    fork = fork_child(trial, child)
    owner = trial.owner()
    records = [trial.store_record(owner, key) for key in ("ours", "theirs")]
    plans = [
        [
            MethodCall("put_if_version", (trial.record(owner, record.task_id), 1)),
            MethodCall("get", (owner, record.task_id)),
        ]
        for record in records
    ]
    paused_at = child.pause_at(at, *plans[0])
    fork.send(*plans[1])
    fork.wait_until_blocked()
    if paused_at:
        child.resume()
    ours, theirs = [Attempt.of(process.answer) for process in (child, fork)]
    with noting_when(paused_at and f"when one process was at {paused_at} and then the other came"):
        expect(ours.error is None, "the process that has forked to work on", f"it {ours}")
        expect_entry(ours.result, plans[0][0].args[0], 2)
        if not refused(theirs):
            expect(theirs.error is None, "its own answers for the fork", f"it {theirs}")
            expect_entry(theirs.result, plans[1][0].args[0], 2)
    fork.close()
    return bool(paused_at)


def increment_together(
    trial: Trial, child: Child, fork: Child, keys: tuple[str, str], times: int
) -> None:
    """Both increment at the same time, one counter or each its own, that often."""
    owner = trial.owner()
    records = {
        key: trial.store_record(owner, key, variables={"counter": 0}) for key in dict.fromkeys(keys)
    }
    start = common_start()
    for process, key in zip((child, fork), keys, strict=True):
        process.send(MethodCall("increment", (records[key], times)), not_before=start)
    ours, theirs = [Attempt.of(process.answer) for process in (child, fork)]
    told = "the process that has forked to work on"
    # Of one record, an honest call may wait for the lock in vain.
    fair = len({*keys}) < len(keys) and refused(ours)
    expect(ours.error is None or fair, told, f"it {ours}")
    if not refused(theirs) and not refused(ours):
        observed = f"the forked process {theirs}"
        expect(theirs.error is None, "increments that succeed, or are refused", observed)
        check_counters(trial, owner, keys, [ours.result, theirs.result])


def check_counters(
    trial: Trial, owner: str, keys: Sequence[str], counted: Sequence[Increments]
) -> None:
    """What the processes say that they have done, each to the counter of its key, is stored."""
    for key in dict.fromkeys(keys):
        done = [increments for increments, of in zip(counted, keys, strict=True) if of == key]
        acknowledged = sum(increments.acknowledged for increments in done)
        check_counter(trial, owner, key, acknowledged, sum(each.unknown for each in done))


def end_of_the_fork(trial: Trial, child: Child, fork: Child) -> None:
    """When the fork closes its handle and ends, the other process works on with its own."""
    attempt_of(trial, fork, "close")
    fork.close()
    owner = trial.owner()
    ours = ChildBackend(trial, child)
    for number in range(3):
        record = trial.record(owner, f"after {number}")
        expect_returns(1, ours.create, record)
        expect_entry(ours.get(owner, record.task_id), record, 1)


def attempt_of(trial: Trial, process: Child, method: str, *args: object) -> Attempt:
    return Attempt.of(partial(getattr(ChildBackend(trial, process), method), *args))


def refused(attempt: Attempt) -> bool:
    """Whether the storage was not to be used; what is unknown may be written, and counts so."""
    return isinstance(attempt.error, StorageError) and (attempt.failed or attempt.unknown)


def name_of(process: Child, fork: Child) -> str:
    return "that was forked" if process is fork else "that has forked"
