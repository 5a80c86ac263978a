"""DUR: what was acknowledged is there after a close and after a kill -9.

A kill -9 shows what the process still held; it cannot show a missing fsync.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pmcp_conformance.processes import Child, wait_until
from pmcp_conformance.rules import rule
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation, short
from pmcp_storage import NotFoundError, TaskRecord

ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs; where rounds
cost little there are three times as many, for stores that survive five kills in six."""

_LONGEST = 0.03
"""Seconds after its first acknowledgement until a writer is killed at the latest."""

State = tuple[int, int] | None
"""What a key holds: the mark of its record, and its version."""


@rule("DUR-1", facts=("durable", "shared"))
def reopening_keeps_everything(trial: Trial) -> None:
    """Closing and reopening keeps every record and version."""
    owner = trial.owner()
    handle = trial.open("first")
    records = {version: trial.record(owner, f"t{version}") for version in (1, 2, 3)}
    for version, record in records.items():
        for _ in range(version):
            handle.put(record)
    handle.put(trial.record(owner, "deleted"))
    handle.delete(owner, "deleted")
    handle.close()
    again = trial.open("again")
    for version, record in records.items():
        trial.holds(record, version, again)
    listed = sorted(entry.record.task_id for entry in again.list_by_owner(owner))
    trial.expect(listed == ["t1", "t2", "t3"], "t1, t2 and t3 listed", short(listed))


@rule("DUR-2", facts=("durable", "interprocess"))
def acknowledged_writes_survive_a_kill(trial: Trial) -> None:
    """Every write and delete acknowledged before a kill -9 holds afterwards; one that was not
    acknowledged is there wholly or not at all.
    """
    random = Random(trial.seed_number)
    for number in range(3 * ROUNDS if trial.is_fast else ROUNDS):
        owner = trial.owner()
        plan = drawn_plan(trial, owner, random)
        told = kill_while_writing(trial.child(), plan, random.uniform(0, _LONGEST))
        check_survivors(trial, owner, plan, told, number)


def drawn_plan(trial: Trial, owner: str, random: Random) -> list[Any]:
    """Writes and deletes on a few keys, more of them than there will be time for."""
    plan: list[Any] = []
    for _ in range(300):
        key = f"k{random.randrange(4)}"
        if random.random() < 0.2:
            plan.append(("delete", (owner, key)))
        else:
            size = random.choice((10, 10, 2_000))
            variables = {"mark": len(plan), "fill": "x" * size}
            plan.append(("put", (trial.record(owner, key, variables=variables),)))
    return plan


def kill_while_writing(child: Child, plan: list[Any], delay: float) -> list[Any]:
    """Let the child carry out the plan and kill it that many seconds after its first
    acknowledgement; what it told before and while it died."""
    told = told_until(child, plan, "done", 0)
    told += child.answers(within=delay)
    child.kill()
    return [*told, *child.rest()]


def told_until(child: Child, plan: list[Any], kind: str, number: int) -> list[Any]:
    """Let the child carry out the plan; what it tells until a step of it begins, or is done."""
    child.send("write_on", plan)
    told = []
    for message in child.answers(within=30.0):
        told.append(message)
        if message[0] == "failed":
            raise message[2]
        if message[:2] == (kind, number):
            break
    return told


def check_survivors(
    trial: Trial, owner: str, plan: list[Any], told: list[Any], number: int
) -> None:
    """What is stored is what was acknowledged, with or without the step that was under way."""
    acknowledged = [n for kind, n, _ in told if kind == "done"]
    begun = [n for kind, n, _ in told if kind == "begins"]
    after, under_way = replay(plan, acknowledged), replay(plan, [*acknowledged, *begun[-1:]])
    if begun and begun[-1] in acknowledged:
        # The next step may have begun without a word of it having come through.
        under_way = replay(plan, [*acknowledged, begun[-1] + 1])
    for key in (f"k{n}" for n in range(4)):
        found = stored(trial, owner, key)
        if found not in (after.get(key), under_way.get(key)):
            raise Violation(
                f"{key} as acknowledged: {said(after.get(key))}"
                + (f", or {said(under_way.get(key))}" if after != under_way else ""),
                f"after the kill, in round {number}: {said(found)}",
                [f"{kind} step {n}: {plan[n][0]} -> {short(what)}" for kind, n, what in told[-8:]],
            )
        go_on(trial, owner, key, (after.get(key), under_way.get(key)))


def replay(plan: list[Any], steps: list[int]) -> dict[str, State]:
    """What the keys hold after these steps of the plan."""
    held: dict[str, State] = {}
    for number in dict.fromkeys(steps):
        if number >= len(plan):
            continue
        method, args = plan[number]
        if method == "delete":
            held.pop(args[1], None)
        else:
            before = held.get(args[0].task_id)
            version = 1 if before is None else before[1] + 1
            held[args[0].task_id] = (args[0].variables["mark"], version)
    return held


def stored(trial: Trial, owner: str, key: str) -> State:
    """What the key holds now."""
    try:
        found = trial.backend.get(owner, key)
    except NotFoundError:
        return None
    return (found.record.variables["mark"], found.version)


def said(state: State) -> str:
    return "absent" if state is None else f"the record of step {state[0]} at version {state[1]}"


def go_on(trial: Trial, owner: str, key: str, states: tuple[State, State]) -> None:
    """The next write continues the versions.

    In a storage with a server the step that was under way may arrive after the kill.
    """
    expected = {1 if state is None else state[1] + 1 for state in states}
    version = trial.backend.put(trial.record(owner, key))
    told = " or ".join(map(str, sorted(expected)))
    trial.expect(version in expected, f"put returns {told}", f"it returned {short(version)}")


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
    random = Random(trial.seed_number + 4)
    owner = trial.owner()
    for number in range(8):
        child = trial.child()
        records = [trial.record(owner, f"k{n % 3}") for n in range(200)]
        plan = [("put", (record,)) for record in records]
        kill_while_writing(child, plan, random.uniform(0, 0.03))
        successor = trial.child()
        begun = time.monotonic()
        record = trial.record(owner, f"next {number}")
        trial.returns(1, successor.call, "create", record)
        took = time.monotonic() - begun
        within = trial.target.answer_within
        trial.expect(took < within, f"a write within {within} s", f"it took {took:.1f} s")
        trial.holds(record, 1)
        for key in ("k0", "k1", "k2"):
            successor.call("put", trial.record(owner, key))
        successor.close()


@rule("DUR-5", facts=("durable", "interprocess"))
def all_agree_after_a_kill(trial: Trial) -> None:
    """After a kill inside a delete or a cleanup get, listing and count agree."""
    random = Random(trial.seed_number + 5)
    ids = [f"t{n:02}" for n in range(12)]
    for _ in range(40 if trial.is_fast else 8):
        owner = trial.owner()
        for task_id in ids:
            trial.seed(owner, task_id)
        kill_inside_a_delete(trial.child(), [("delete", (owner, t)) for t in ids], random)
        check_agreement(trial, owner, ids)
    if not trial.target.native_expiry:
        agree_after_a_killed_cleanup(trial, ids, random)


def kill_inside_a_delete(child: Child, plan: list[Any], random: Random) -> None:
    """Kill the child somewhere in a step that is neither the first nor the last."""
    step = random.randrange(2, len(plan) - 1)
    told_until(child, plan, "begins", 1)
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
    for number in range(30 if trial.is_fast else 4):
        owner, past = trial.owner(), datetime.now(UTC) - timedelta(hours=1)
        for task_id in ids:
            trial.seed(owner, task_id, expires_at=past)
        child = trial.child()
        told_until(child, [("cleanup_expired", ())], "begins", 0)
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


def check_agreement(trial: Trial, owner: str, ids: list[str]) -> None:
    """The same tasks by get, by a listing, and by a count.

    Looked at twice if need be: what had left the killed process for a server may have arrived
    between the first look and its end.
    """
    for _ in range(2):
        listed = trial.task_ids(owner)
        got = [task_id for task_id in reversed(ids) if is_found(trial, owner, task_id)]
        counted = trial.backend.count_by_owner(owner)
        if listed == got and counted == len(listed):
            return
    told = f"get finds {len(got)}, the listing has {len(listed)}, the count is {counted}"
    raise Violation("get, listing and count to agree", told)


def is_found(trial: Trial, owner: str, task_id: str) -> bool:
    try:
        return bool(trial.backend.get(owner, task_id))
    except NotFoundError:
        return False


@rule("DUR-6", facts=("interprocess",), doors=("open_fresh",))
def simultaneous_first_opening(trial: Trial) -> None:
    """Two processes that open fresh storage at the same time both work."""
    children = [trial.child(), trial.child()]
    for number in range(60 if trial.is_fast else 6):
        token = trial.fresh_token()
        records = [trial.record("owner", f"of {n} in round {number}") for n in (0, 1)]
        at = time.monotonic_ns() + 2_000_000
        for child, record in zip(children, records, strict=True):
            child.send("open_fresh", token, at=at)
            child.send("create", record)
        for child in children:
            child.answer()
            trial.returns(1, child.answer)
        for child in children:
            read_both(trial, child, records)


def read_both(trial: Trial, child: Child, records: list[TaskRecord]) -> None:
    for record in records:
        trial.same_entry(child.call("get", record.owner_id, record.task_id), record, 1)
