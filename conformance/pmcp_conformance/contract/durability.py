"""DUR: what was acknowledged is there after a close and after a kill -9.

A kill -9 shows what the process still held; it cannot show a missing fsync.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import at_each_place, told
from pmcp_conformance.interleaving.yield_points import Place
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_main import wait_until
from pmcp_conformance.processes.crashes import (
    check_agreement,
    check_survivors,
    drawn_plan,
    heard_until,
    kill_while_writing,
)
from pmcp_storage import NotFoundError, StorageError, TaskRecord

ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs."""

_SECONDS = 1.5
"""For all places of an operation, where one takes milliseconds."""

_LONGEST = 0.03
"""Seconds after its first acknowledgement until a writer is killed at the latest."""


@rule("DUR-1", facts=("durable", "shared"))
def reopening_keeps_everything(trial: Trial) -> None:
    """Closing and reopening keeps every record and version."""
    owner = trial.owner()
    handle = trial.open("first")
    records = {version: trial.record(owner, f"t{version}") for version in (1, 2, 3)}
    for version, record in records.items():
        for _ in range(version):
            handle.put(record)
    for task_id in ("deleted", "t0"):
        for _ in range(2):
            handle.put(trial.record(owner, task_id))
        handle.delete(owner, task_id)
    anew = trial.record(owner, "t0")
    handle.create(anew)
    handle.close()
    again = trial.open("again")
    for version, record in records.items():
        trial.holds(record, version, again)
    trial.holds(anew, 1, again)
    listed = sorted(entry.record.task_id for entry in again.list_by_owner(owner))
    trial.expect(listed == ["t0", "t1", "t2", "t3"], "t0, t1, t2 and t3 listed", short(listed))
    trial.returns(2, again.put_if_version, trial.record(owner, "t0"), 1)


@rule("DUR-2", facts=("durable", "interprocess"))
def acknowledged_writes_survive_a_kill(trial: Trial) -> None:
    """Every write and delete acknowledged before a kill -9 holds afterwards; one that was not
    acknowledged is there wholly or not at all.
    """
    for method in ("create", "put_if_version", "delete"):
        at_each_place(trial, partial(survives_a_kill_at, trial, method), within=_SECONDS)
    random = Random(trial.seed_number)
    for number in range(ROUNDS):
        owner = trial.owner()
        plan = drawn_plan(trial, owner, random)
        heard = kill_while_writing(trial.child(), plan, random.uniform(0, _LONGEST))
        with told(f"after the kill in round {number}"):
            check_survivors(trial, owner, plan, heard)


def survives_a_kill_at(trial: Trial, method: str, at: Place) -> bool:
    """Kill a process at that place of an operation on a record that it has written; False if the
    operation has fewer places."""
    owner, child = trial.owner(), trial.child()
    first, second = [trial.record(owner, "k0", variables={"mark": mark}) for mark in (0, 1)]
    plans: dict[str, list[Any]] = {
        # The delete before the creation makes sure that the child has opened its handle.
        "create": [("delete", (owner, "k0")), ("create", (first,))],
        "put_if_version": [("put", (first,)), ("put_if_version", (second, 1))],
        "delete": [("put", (first,)), ("delete", (owner, "k0"))],
    }
    (before, args), (_, last) = plan = plans[method]
    heard = [("done", 0, child.call(before, *args))]
    died_at = child.dies(at, method, *last)
    heard.append(("begins", 1, "killed") if died_at else ("done", 1, "acknowledged"))
    with told(f"after a process was killed at {died_at}" if died_at else ""):
        check_survivors(trial, owner, plan, heard)
    return bool(died_at)


@rule("DUR-3", facts=("durable", "shared"))
def versions_continue(trial: Trial) -> None:
    """Versions continue after reopening."""
    owner = trial.owner()
    for version in range(1, 13):
        handle = trial.open(f"handle {version}")
        record = trial.record(owner)
        if version % 2:
            trial.returns(version, handle.put, record)
        else:
            trial.returns(version, handle.put_if_version, record, version - 1)
        handle.close()
    trial.holds(record, 12)


@rule("DUR-4", facts=("durable", "interprocess"))
def opening_after_a_kill(trial: Trial) -> None:
    """The storage opens after a kill at any moment, and no stale lock stops the next process."""
    owner = trial.owner()
    at_each_place(trial, partial(works_after_a_kill_at, trial, owner), within=_SECONDS)
    random = Random(trial.seed_number + 4)
    for number in range(6):
        records = [long_record(trial, owner) for n in range(200)]
        plan = [("put", (record,)) for record in records]
        kill_while_writing(trial.child(), plan, random.uniform(0, _LONGEST), (0, 40)[number % 2])
        works(trial, trial.child().call, owner, f"next {number}")


def works_after_a_kill_at(trial: Trial, owner: str, at: Place) -> bool:
    """Kill a process at that place of opening and a write; False if they have fewer places."""
    died_at = trial.child().dies(at, "put", long_record(trial, owner))
    with told(f"after a process was killed at {died_at}" if died_at else ""):
        opened_anew_works(trial, owner, f"after {at}")
    return bool(died_at)


def opened_anew_works(trial: Trial, owner: str, key: str) -> None:
    """A handle that is opened now can write."""
    try:
        handle = trial.open(key)
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("the storage opens", observed) from error
    works(trial, lambda method, *args: getattr(handle, method)(*args), owner, key)
    handle.close()


def works(trial: Trial, call: Callable[..., Any], owner: str, key: str) -> None:
    """Whoever makes these calls can create a record soon, and write the one that was under way."""
    begun = time.monotonic()
    record = trial.record(owner, key)
    trial.returns(1, call, "create", record)
    took, within = time.monotonic() - begun, trial.target.answer_within
    trial.expect(took < within, f"a write within {within} s", f"it took {took:.1f} s")
    trial.holds(record, 1)
    try:
        call("put", long_record(trial, owner))
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("put succeeds", observed) from error


def long_record(trial: Trial, owner: str) -> TaskRecord:
    """A record of which some are enough to fill whatever buffer there is."""
    return trial.record(owner, "long", variables={"fill": "x" * 900})


@rule("DUR-5", facts=("durable", "interprocess"))
def all_agree_after_a_kill(trial: Trial) -> None:
    """After a kill inside a delete or a cleanup get, listing and count agree."""
    random = Random(trial.seed_number + 5)
    ids = [f"t{n:02}" for n in range(12)]
    at_each_place(trial, partial(agree_after_a_kill_at, trial, ids[:3], "delete"), within=_SECONDS)
    for _ in range(8):
        owner = trial.owner()
        for task_id in ids:
            trial.seed(owner, task_id)
        kill_inside_a_delete(trial.child(), [("delete", (owner, t)) for t in ids], random)
        check_agreement(trial, owner, ids)
    if not trial.target.native_expiry:
        at_each_place(
            trial,
            partial(agree_after_a_kill_at, trial, ids[:3], "cleanup_expired"),
            within=_SECONDS,
        )
        agree_after_a_killed_cleanup(trial, ids, random)


def agree_after_a_kill_at(trial: Trial, ids: list[str], method: str, at: Place) -> bool:
    """Kill a process at that place of a delete or a cleanup; False if it has fewer places."""
    owner, past = trial.owner(), datetime.now(UTC) - timedelta(hours=1)
    for task_id in ids:
        trial.seed(owner, task_id, expires_at=past)
    args = (owner, ids[1]) if method == "delete" else ()
    child = trial.child()
    child.call("count_by_owner", owner)  # whatever opening does is then done
    died_at = child.dies(at, method, *args)
    with told(f"after a process was killed at {died_at}" if died_at else ""):
        check_agreement(trial, owner, ids)
    return bool(died_at)


def kill_inside_a_delete(child: Child, plan: list[Any], random: Random) -> None:
    """Kill the child somewhere in a step that is neither the first nor the last."""
    step = random.randrange(2, len(plan) - 1)
    heard_until(child, plan, "begins", 1)
    begun = time.monotonic()
    for message in child.answers(within=30.0):
        if message[:2] == ("begins", step):
            break
    wait(random.uniform(0, 1.5) * (time.monotonic() - begun) / (step - 1))
    child.kill()
    list(child.rest())


def agree_after_a_killed_cleanup(trial: Trial, ids: list[str], random: Random) -> None:
    """The same inside of a cleanup; the first one is not killed, but shows how long it takes."""
    took = 0.0
    for number in range(4):
        owner, past = trial.owner(), datetime.now(UTC) - timedelta(hours=1)
        for task_id in ids:
            trial.seed(owner, task_id, expires_at=past)
        child = trial.child()
        heard_until(child, [("cleanup_expired", ())], "begins", 0)
        begun = time.monotonic()
        if number == 0:
            next(child.answers(within=30.0))
            took = time.monotonic() - begun
        wait(random.uniform(0, took))
        child.kill()
        list(child.rest())
        check_agreement(trial, owner, ids)


def wait(seconds: float) -> None:
    """Spin for that long: sleeping is too coarse to meet an operation."""
    wait_until(time.monotonic_ns() + round(seconds * 1e9))


@rule("DUR-6", facts=("interprocess",), doors=("open_fresh",))
def simultaneous_first_opening(trial: Trial) -> None:
    """Two processes that open fresh storage at the same time both work."""
    children = [trial.child(), trial.child()]
    at_each_place(trial, partial(opened_in_between, trial, children), within=_SECONDS)
    for number in range(10 if trial.is_fast else 6):
        token = trial.fresh_token()
        records = [trial.record("owner", f"of {n} in round {number}") for n in (0, 1)]
        at = time.monotonic_ns() + 2_000_000
        for child, record in zip(children, records, strict=True):
            child.send("open_fresh", token, at=at)
            child.send("create", record)
        for child in children:
            trial.returns(None, named("open_fresh", child))
            trial.returns(1, named("create", child))
        for child in children:
            read_both(trial, child, records)


def opened_in_between(trial: Trial, children: list[Child], at: Place) -> bool:
    """The second process opens fresh storage and writes while the first one has stopped at that
    place of opening it and a first look; False if the first one came to its end before."""
    token = trial.fresh_token()
    records = [trial.record("owner", f"of {n} with a stop at {at}") for n in (0, 1)]
    look, write = ("count_by_owner", ("owner",)), ("create", (records[1],))
    first, second = children
    first.send("step", at, False, [("open_fresh", (token,)), look])
    stopped_at = first.stopped()
    second.send("step", Place(0), False, [("open_fresh", (token,)), write])
    second.gives_way()
    if stopped_at:
        first.go_on()
        first.stopped()
    second.stopped()
    with told(stopped_at and f"when one process opened while another one was at {stopped_at}"):
        first.answer()
        trial.returns(1, named("create", second))
        trial.returns(1, first.call, "create", records[0])
        for child in children:
            read_both(trial, child, records)
    return bool(stopped_at)


def named(method: str, child: Child) -> Callable[[], Any]:
    """What a process answers to a call of that name, which it was sent before."""

    def answer() -> Any:
        return child.answer()

    answer.__name__ = method
    return answer


def read_both(trial: Trial, child: Child, records: list[TaskRecord]) -> None:
    for record in records:
        try:
            found = child.call("get", record.owner_id, record.task_id)
        except NotFoundError as error:
            raise Violation("both processes find what either has written", str(error)) from error
        trial.same_entry(found, record, 1)
