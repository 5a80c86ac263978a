"""DUR-2: acknowledged writes survive a kill."""

from __future__ import annotations

import string
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import LONGEST, SECONDS, killed_at
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.pacing import limit_of, numbers
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import (
    expect,
    expect_returns,
    expect_settled_expiry,
    expect_stored,
    listed_ids,
)
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.crashes import (
    Plan,
    check_survivors,
    kill_while_writing,
    random_plan,
    reports_until,
)
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone
from pmcp_conformance.processes.rare_work import rare_work_survives_kills
from pmcp_storage import NotFoundError, StorageError, TaskRecord

_LIFETIMES = (timedelta(minutes=50), None)
"""Of a record, and of the one that replaces it."""

_LARGE_ROUNDS = 30
"""Of kills while large records are written: few of them meet a write."""

_SEVERAL_WRITES = 200_000
"""Bytes of a record that goes to a file or a socket by several writes."""

_TIMES = 4
"""How often each instant is tried, where nothing but instants can be had."""

_SMALLEST_FILE = 1_024
"""Bytes that a file may have grown to at the first kill."""

_SIZES = 8
"""Between the last two of the doubled sizes, in the upper of which nobody is killed."""

_LARGE_WRITES = 12
"""In a round: more than there will be time for."""

_ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs."""


@rule("DUR-2", facts=("durable", "interprocess"), parts=3)
def acknowledged_writes_survive_a_kill(trial: Trial) -> None:
    """Every write and delete acknowledged before a kill -9 holds afterwards; one that was not
    acknowledged is there wholly or not at all.

    Why: The client was told 'stored', the process is killed by a deploy or the OOM killer, and the
    task's step is gone or half there. The job then runs twice or reads a broken record.

    Real bug: A log unit of CorfuDB without --sync acknowledged a write as soon as its append had
    been started in the background, and even with it nothing was fsynced.
    (https://github.com/CorfuDB/CorfuDB/issues/291)

    Mend: Acknowledge after the commit or flush. One transaction per operation; for files write a
    scratch file, flush it (fsync against power loss), then os.replace. Store record, version and
    index entry together.
    """
    parts = (survives_kills_amid_writes, survives_kills_around_writes, survives_kills_amid_many)
    parts[trial.part](trial)


def survives_kills_amid_writes(trial: Trial) -> None:
    """Kill children amid a single write."""
    survives_kills_amid_a_file(trial)
    survives_kills_at_yield_points(trial)


def survives_kills_around_writes(trial: Trial) -> None:
    """Kill children over what belongs to a write besides: closing, the expiry, the next writer."""
    for survives_at in (
        closing_survives_a_kill_at,
        partial(expiry_survives_a_kill_at, lifetimes=_LIFETIMES),
        partial(expiry_survives_a_kill_at, lifetimes=_LIFETIMES[::-1]),
        later_writes_survive,
    ):
        at_each_yield_point(trial, partial(survives_at, trial), within=SECONDS / 2)


def survives_kills_amid_many(trial: Trial) -> None:
    """Kill children amid many writes, at what those do rarely and at any instant."""
    random = Random(trial.seed)
    rare_work_survives_kills(trial, random, within=SECONDS)
    for number in numbers(trial, _LARGE_ROUNDS, until=limit_of(trial, SECONDS)):
        with noting_when(f"after the kill in round {number} of large records"):
            large_records_survive_a_kill(trial, random)
    telling = sum(a_plan_survives_a_kill(trial, random, number) for number in range(_ROUNDS))
    if 2 * telling < _ROUNDS:
        trial.shortfalls.append(
            f"in only {telling} of {_ROUNDS} rounds a process came to write before it was killed: "
            "run it again when this machine has less to do"
        )


def a_plan_survives_a_kill(trial: Trial, random: Random, number: int) -> bool:
    """Kill a child over random writes at a random instant; whether it came to write before."""
    owner = trial.owner()
    plan = random_plan(trial, owner, random)
    reports = kill_while_writing(start_child(trial), plan, random.uniform(0, LONGEST))
    with noting_when(f"after the kill in round {number}"):
        check_survivors(trial, owner, plan, reports)
    return any(isinstance(report, StepDone) for report in reports)


def survives_kills_at_yield_points(trial: Trial) -> None:
    """Kill children at the yield points of each kind of write; several times over where they are
    instants, because the same instant after a request does not find the same work done."""
    until = limit_of(trial, 3 * SECONDS)
    for _ in range(_TIMES):
        for method in ("create", "put_if_version", "delete"):
            at_each_yield_point(trial, partial(survives_a_kill_at, trial, method), within=SECONDS)
        if trial.target.in_process or until.is_over:
            return


def survives_kills_amid_a_file(trial: Trial) -> None:
    """Kill children when a file that they write has grown to each of several sizes, of which the
    last ones lie near the end; a child that writes no file lives."""
    until = limit_of(trial, SECONDS)
    size = _SMALLEST_FILE
    while not until.is_over and survived_a_kill_at_size(trial, size):
        size *= 2
    for step in range(1, _SIZES):
        if size > _SMALLEST_FILE and not until.is_over:
            survived_a_kill_at_size(trial, size // 2 + step * size // 2 // _SIZES)


def survived_a_kill_at_size(trial: Trial, size: int) -> bool:
    """Let the system kill a child that writes a large record when a file would grow beyond so many
    bytes; False if the write was acknowledged."""
    owner = trial.owner()
    first = trial.record(owner, "k0", variables={"mark": 0})
    filler = "x" * (min(_SEVERAL_WRITES, trial.target.max_record_bytes) * 3 // 4)
    second = trial.record(owner, "k1", variables={"mark": 1, "fill": filler})
    child = start_child(trial)
    outcome = Attempt(child.call("put", first))
    child.call("limit_file_size", size)
    plan = [MethodCall("put", (record,)) for record in (first, second)]
    child.start_plan(plan[1:])
    done = [told for told in reports_until(child, StepDone, 0) if isinstance(told, StepDone)]
    child.kill()
    # A write of which less was taken than was given may also be refused, before anything is lost.
    acknowledged = any(told.outcome.startswith("returned") for told in done)
    with noting_when(f"after a process was killed when a file had grown to {size:,} bytes"):
        end = StepDone(1, "acknowledged") if acknowledged else StepBegun(1)
        check_survivors(trial, owner, plan, [StepDone(0, str(outcome)), end])
    return not acknowledged


def large_records_survive_a_kill(trial: Trial, random: Random) -> None:
    """Kill a child while it overwrites records of many pages, by ones that differ in every page:
    what it has written a part of is neither the old record nor the new one."""
    owner = trial.owner()
    sized = partial(trial.sized, owner, size=trial.target.max_record_bytes)
    fillers = string.ascii_lowercase[:_LARGE_WRITES]
    records = [sized(f"k{step % 2}", filler=filler) for step, filler in enumerate(fillers)]
    plan = [MethodCall("put", (record,)) for record in records]
    kill_while_writing(start_child(trial), plan, random.uniform(0, LONGEST))
    for written in (records[::2], records[1::2]):
        expect_one_of(trial, written)


def expect_one_of(trial: Trial, written: list[TaskRecord]) -> None:
    """The key holds one of the records that were written, at its version, or nothing yet."""
    try:
        found = trial.backend.get(written[0].owner_id, written[0].task_id)
    except NotFoundError:
        return
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("the record can be read", observed) from error
    whole = (found.record, found.version) in zip(written, count(1), strict=False)
    expect(whole, "one of the records that were written", short(found))


def survives_a_kill_at(trial: Trial, method: str, at: YieldPoint) -> bool:
    """Kill a child at that yield point of an operation on a record that it has written; False if
    the operation has fewer yield points."""
    owner = trial.owner()
    child = start_child(trial)
    plan = plan_of(trial, owner, method)
    before, last = plan
    # Where another process has written before, the child is killed while it opens its handle, too.
    writer = trial.backend if method == "put_if_version" else ChildBackend(trial, child)
    outcome = Attempt(getattr(writer, before.method)(*before.args))
    died_at = child.kill_at(at, last.method, *last.args)
    with noting_when(killed_at(died_at), died_at):
        end = StepBegun(1) if died_at else StepDone(1, "acknowledged")
        check_survivors(trial, owner, plan, [StepDone(0, str(outcome)), end])
    return bool(died_at)


def closing_survives_a_kill_at(trial: Trial, at: YieldPoint) -> bool:
    """Kill a child at that yield point of closing its handle, by which it has written."""
    owner = trial.owner()
    child = start_child(trial)
    put = plan_of(trial, owner, "put_if_version")[0]
    outcome = Attempt(child.call(put.method, *put.args))
    died_at = child.kill_at(at, "close")
    with noting_when(killed_at(died_at)):
        check_survivors(trial, owner, [put], [StepDone(0, str(outcome))])
    return bool(died_at)


def later_writes_survive(trial: Trial, at: YieldPoint) -> bool:
    """Kill a child at that yield point of writing a large record; False if there is none.

    What the next writer adds to what is left of it holds for those who read the storage anew.
    """
    owner = trial.owner()
    child = start_child(trial)
    child.call("delete", owner, "large")
    size = min(_SEVERAL_WRITES, trial.target.max_record_bytes)
    died_at = child.kill_at(at, "put", trial.sized(owner, "large", size))
    later = trial.record(owner, "later")
    with noting_when(killed_at(died_at)):
        with closing(trial.open("next writer")) as handle:
            expect_returns(1, handle.create, later)
        with closing(trial.open("next reader")) as handle:
            expect_stored(trial, later, 1, handle)
    return bool(died_at)


def expiry_survives_a_kill_at(
    trial: Trial, at: YieldPoint, *, lifetimes: Sequence[timedelta | None]
) -> bool:
    """Kill a child at that yield point of a put that replaces a record and its expiry: the expiry
    that the storage goes by is the record's. False if the operation has fewer yield points."""
    owner = trial.owner()
    now = datetime.now(UTC)
    # An expiry in the past shows by the cleanup what another one shows by a back door only.
    sign = 1 if trial.target.native_expiry or trial.target.offers("stored_expiry") else -1
    former, latter = [
        trial.record(owner, expires_at=None if lifetime is None else now + sign * lifetime)
        for lifetime in lifetimes
    ]
    child = start_child(trial)
    child.call("put", former)
    died_at = child.kill_at(at, "put", latter)
    with noting_when(killed_at(died_at)), suppress(NotFoundError):
        found = trial.backend.get(owner, "task").record
        expect_settled_expiry(trial, found)
        if sign < 0:
            trial.backend.cleanup_expired()
            kept = "task" in listed_ids(trial, owner)
            told = f"a cleanup that goes by the record's expiry, {found.expires_at}"
            expect(kept == (found.expires_at is None), told, "kept" if kept else "removed")
    return bool(died_at)


def plan_of(trial: Trial, owner: str, method: str) -> Plan:
    """An operation that is to be killed, and one before it."""
    first, second = [trial.record(owner, "k0", variables={"mark": mark}) for mark in (0, 1)]
    delete = MethodCall("delete", (owner, "k0"))
    put = MethodCall("put", (first,))
    plans: dict[str, Plan] = {
        # The delete before the creation makes sure that the child has opened its handle.
        "create": [delete, MethodCall("create", (first,))],
        "put_if_version": [put, MethodCall("put_if_version", (second, 1))],
        "delete": [put, delete],
    }
    return plans[method]
