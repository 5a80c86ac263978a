"""DUR: what was acknowledged is there after a close and after a kill -9.

A kill -9 shows what the process still held; it cannot show a missing fsync.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pmcp_conformance.crossing import told
from pmcp_conformance.processes import Child
from pmcp_conformance.rules import rule
from pmcp_conformance.servant import wait_until
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation, short
from pmcp_storage import NotFoundError, StorageError, TaskRecord

ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs."""

_MOST_LINES = 120
"""An opening and an operation have fewer lines than this; more are tried on so many."""

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
    for number in range(ROUNDS):
        owner = trial.owner()
        plan = drawn_plan(trial, owner, random)
        heard = kill_while_writing(trial.child(), plan, random.uniform(0, _LONGEST))
        check_survivors(trial, owner, plan, heard, f"in round {number}")
    for method in ("put_if_version", "delete"):
        for line in lines(trial):
            if not survives_a_kill_at(trial, line, method):
                break


def lines(trial: Trial) -> range:
    """Numbers of the lines at which a process is to be killed, or stopped, one after the other.

    Where something else than Python code decides, kills at random are all there is.
    """
    return range(1, _MOST_LINES + 1 if trial.is_fast else 1)


def survives_a_kill_at(trial: Trial, line: int, method: str) -> bool:
    """Kill a process at that line of an operation on a record that it has written; False if the
    operation has fewer lines."""
    owner, child = trial.owner(), trial.child()
    first, second = [trial.record(owner, "k0", variables={"mark": mark}) for mark in (0, 1)]
    last = (owner, "k0") if method == "delete" else (second, 1)
    heard = [("done", 0, child.call("put", first))]
    died_at = child.dies(line, method, *last)
    heard.append(("begins", 1, "killed") if died_at else ("done", 1, "acknowledged"))
    where = f"at {died_at}" if died_at else "after its end"
    check_survivors(trial, owner, [("put", (first,)), (method, last)], heard, where)
    return bool(died_at)


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


def kill_while_writing(child: Child, plan: list[Any], delay: float, step: int = 0) -> list[Any]:
    """Let the child carry out the plan and kill it that many seconds after it has acknowledged
    that step; what it told before and while it died."""
    heard = heard_until(child, plan, "done", step)
    heard += child.answers(within=delay)
    child.kill()
    return [*heard, *child.rest()]


def heard_until(child: Child, plan: list[Any], kind: str, number: int) -> list[Any]:
    """Let the child carry out the plan; what it tells until a step of it begins, or is done."""
    child.send("write_on", plan)
    heard = []
    for message in child.answers(within=30.0):
        heard.append(message)
        if message[0] == "failed":
            raise message[2]
        if message[:2] == (kind, number):
            break
    return heard


def check_survivors(
    trial: Trial, owner: str, plan: list[Any], heard: list[Any], where: str
) -> None:
    """What is stored is what was acknowledged, with or without the step that was under way."""
    acknowledged = [n for kind, n, _ in heard if kind == "done"]
    begun = [n for kind, n, _ in heard if kind == "begins"]
    after, under_way = replay(plan, acknowledged), replay(plan, [*acknowledged, *begun[-1:]])
    if begun and begun[-1] in acknowledged:
        # The next step may have begun without a word of it having come through.
        under_way = replay(plan, [*acknowledged, begun[-1] + 1])
    for key in sorted({task_of(step) for step in plan}):
        found = stored(trial, owner, key)
        if found not in (after.get(key), under_way.get(key)):
            raise Violation(
                f"{key} as acknowledged: {said(after.get(key))}"
                + (f", or {said(under_way.get(key))}" if after != under_way else ""),
                f"after the kill {where}: {said(found)}",
                [f"{kind} step {n}: {plan[n][0]} -> {short(what)}" for kind, n, what in heard[-8:]],
            )
        go_on(trial, owner, key, (after.get(key), under_way.get(key)))


def task_of(step: Any) -> str:
    """The task that a step of a plan writes or deletes."""
    method, args = step
    task_id: str = args[1] if method == "delete" else args[0].task_id
    return task_id


def replay(plan: list[Any], steps: list[int]) -> dict[str, State]:
    """What the keys hold after these steps of the plan."""
    held: dict[str, State] = {}
    for number in dict.fromkeys(steps):
        if number >= len(plan):
            continue
        task_id, (method, args) = task_of(plan[number]), plan[number]
        before = held.pop(task_id, None)
        if method != "delete":
            version = 1 if before is None else before[1] + 1
            held[task_id] = (args[0].variables["mark"], version)
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
    for number in range(6):
        records = [long_record(trial, owner) for n in range(200)]
        plan = [("put", (record,)) for record in records]
        kill_while_writing(trial.child(), plan, random.uniform(0, _LONGEST), (0, 40)[number % 2])
        works(trial, trial.child().call, owner, f"next {number}")
    for line in lines(trial):
        died_at = trial.child().dies(line, "put", long_record(trial, owner))
        with told(died_at and f"after another process was killed at {died_at}"):
            opened_anew_works(trial, owner, f"after line {line}")
        if not died_at:
            break


def opened_anew_works(trial: Trial, owner: str, key: str) -> None:
    """A handle that is opened now can write."""
    handle = trial.open(key)
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
    for _ in range(8):
        owner = trial.owner()
        for task_id in ids:
            trial.seed(owner, task_id)
        kill_inside_a_delete(trial.child(), [("delete", (owner, t)) for t in ids], random)
        check_agreement(trial, owner, ids)
    if not trial.target.native_expiry:
        agree_after_a_killed_cleanup(trial, ids, random)
    for method in ("delete", *(() if trial.target.native_expiry else ("cleanup_expired",))):
        for line in lines(trial):
            if not agree_after_a_kill_at(trial, line, method, ids[:3]):
                break


def agree_after_a_kill_at(trial: Trial, line: int, method: str, ids: list[str]) -> bool:
    """Kill a process at that line of a delete or a cleanup; False if it has fewer lines."""
    owner, past = trial.owner(), datetime.now(UTC) - timedelta(hours=1)
    for task_id in ids:
        trial.seed(owner, task_id, expires_at=past)
    args = (owner, ids[1]) if method == "delete" else ()
    child = trial.child()
    child.call("count_by_owner", owner)  # whatever opening does is then done
    died_at = child.dies(line, method, *args)
    with told(died_at and f"after a process was killed at {died_at}"):
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
    for number in range(10 if trial.is_fast else 6):
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

    for line in lines(trial):
        if not opened_in_between(trial, children, line):
            break


def opened_in_between(trial: Trial, children: list[Child], line: int) -> bool:
    """The second process opens fresh storage and writes while the first one has stopped at that
    line of opening it and a first look; False if the first one came to its end before."""
    token = trial.fresh_token()
    records = [trial.record("owner", f"of {n} with a stop at line {line}") for n in (0, 1)]
    look, write = ("count_by_owner", ("owner",)), ("create", (records[1],))
    first, second = children
    first.send("step", line, False, [("open_fresh", (token,)), look])
    stopped_at = first.stopped()
    second.send("step", 0, False, [("open_fresh", (token,)), write])
    second.gives_way()
    if stopped_at:
        first.go_on()
        first.stopped()
    second.stopped()
    with told(stopped_at and f"when one process opened while another one was at {stopped_at}"):
        first.answer()
        trial.returns(1, second.answer)
        trial.returns(1, first.call, "create", records[0])
        for child in children:
            read_both(trial, child, records)
    return bool(stopped_at)


def read_both(trial: Trial, child: Child, records: list[TaskRecord]) -> None:
    for record in records:
        trial.same_entry(child.call("get", record.owner_id, record.task_id), record, 1)
