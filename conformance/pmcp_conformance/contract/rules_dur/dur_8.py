"""DUR-8: a race over what a killed process has left locked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import killed_at
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import limit_of, numbers
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.exploration import noting_when
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind, trace_path
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import ConcurrentModificationError

_CONTENDERS = 8
_RACES = 80
_SECONDS = 1.5
"""For the races, where an operation takes milliseconds."""

_NEVER_STORED = 99
"""A version that the record does not have: who expects it looks, and writes nothing."""


@rule("DUR-8", facts=("durable", "interprocess"), since="1.1")
def one_heir_of_a_lock(trial: Trial) -> None:
    """After a process was killed over a write, of many put_if_version calls with one version still
    at most one succeeds.

    Why: A crash leaves a lock behind, and everybody waits for it. Two of them find that its holder
    is dead; one removes the lock and takes it, the other one removes what the first has just taken.
    Both write, and one of two acknowledged changes is lost.

    Real bug: Of many that tried to lock the same file with npm's lockfile several succeeded once
    the former lock was stale: between looking at it and removing it another had taken it.
    (https://github.com/npm/lockfile/issues/4)

    Mend: Use locks that end with their holder: flock, fcntl, a database session. Where there must
    be a lock file, take a stale one over under such a lock, and look again before removing it.
    """
    owner, random, told = trial.owner(), Random(trial.seed + 8), 0
    handles = contenders(trial, _CONTENDERS)
    for number in numbers(trial, _RACES, until=limit_of(trial, _SECONDS)):
        key = f"race {number}"
        trial.store_record(owner, key)
        died_at = kill_over(trial, owner, key, random)
        swaps = [partial(handle.put_if_version, trial.record(owner, key), 1) for handle in handles]
        with preempting(trial, number):
            attempts = call_simultaneously(trial.watchdog, swaps)
        with noting_when(killed_at(died_at), died_at):
            told += check_race(attempts)
    if not told:
        trial.shortfalls.append("after a kill no put_if_version has succeeded at all")


def kill_over(trial: Trial, owner: str, key: str, random: Random) -> str:
    """Kill a child somewhere in a write that leaves this record as it is; where it died.

    A put of another record takes what is locked as a whole, and a refused one of this record what
    is locked for it alone.
    """
    writes = [
        MethodCall("put", (trial.record(owner, "another"),)),
        MethodCall("put_if_version", (trial.record(owner, key), _NEVER_STORED)),
    ]
    write = random.choice(writes)
    child = start_child(trial)
    child.call("put", trial.record(owner, "opens the handle"))
    lines = lines_of(trial, partial(trial.backend.put, trial.record(owner, "another")))
    at = YieldPoint(random.randint(1, max(lines, 1)))
    with suppress(ConcurrentModificationError):  # it had fewer lines, and was refused
        return child.kill_at(at, write.method, *write.args)
    return ""


def lines_of(trial: Trial, call: Callable[[], object]) -> int:
    """How many lines of the backend's code a call goes through."""
    lines = list[object]()
    files = backend_files(trial.backend.unrecorded)
    trace_path(YieldPointKind.LINE, files, lines.append, call)
    return len(lines)


def check_race(attempts: list[Attempt]) -> bool:
    """At most one has succeeded; whether one has."""
    winners = [attempt for attempt in attempts if attempt.error is None]
    if len(winners) > 1:
        observed = f"{len(winners)} of {len(attempts)} succeeded"
        raise Violation("at most one success", observed, explained(attempts))
    return bool(winners)
