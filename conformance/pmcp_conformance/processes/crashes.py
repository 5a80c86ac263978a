"""Processes that are killed over a plan of writes, and what must be stored afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.expectations import expect, listed_ids
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.processes.child import Child
from pmcp_storage import NotFoundError

State = tuple[int, int] | None
"""What a key holds: the mark of its record, and its version."""


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


def check_survivors(trial: Trial, owner: str, plan: list[Any], heard: list[Any]) -> None:
    """What is stored is what was acknowledged, with or without the step that was under way."""
    acknowledged = [n for kind, n, _ in heard if kind == "done"]
    begun = [n for kind, n, _ in heard if kind == "begins"]
    after, under_way = replay(plan, acknowledged), replay(plan, [*acknowledged, *begun[-1:]])
    if begun and begun[-1] in acknowledged:
        # The next step may have begun without a word of it having come through.
        under_way = replay(plan, [*acknowledged, begun[-1] + 1])
    keys = sorted({task_of(step) for step in plan})
    check_agreement(trial, owner, keys)
    for key in keys:
        found, states = stored(trial, owner, key), (after.get(key), under_way.get(key))
        if found not in states:
            texts = " or ".join(dict.fromkeys(map(said, states)))
            steps = [f"{kind} step {n}: {plan[n][0]} -> {short(what)}" for kind, n, what in heard]
            raise Violation(f"{key} as acknowledged: {texts}", said(found), steps[-8:])
        go_on(trial, owner, key, states)
    listed, written = listed_ids(trial, owner), keys[::-1]
    expect(listed == written, f"a listing of {written}, which were just written", short(listed))


def check_agreement(trial: Trial, owner: str, ids: list[str]) -> None:
    """The same tasks by get, by a listing, and by a count.

    Looked at twice if need be: what had left the killed process for a server may have arrived
    between the first look and its end.
    """
    for _ in range(2):
        listed = listed_ids(trial, owner)
        got = [task_id for task_id in reversed(ids) if stored(trial, owner, task_id)]
        counted = trial.backend.count_by_owner(owner)
        if listed == got and counted == len(listed):
            return
    told = f"get finds {short(got)}, the listing has {short(listed)}, the count is {counted}"
    raise Violation("get, listing and count to agree", told)


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
    return (found.record.variables.get("mark", 0), found.version)


def said(state: State) -> str:
    return "absent" if state is None else f"the record of step {state[0]} at version {state[1]}"


def go_on(trial: Trial, owner: str, key: str, states: tuple[State, State]) -> None:
    """The next write continues the versions.

    In a storage with a server the step that was under way may arrive after the kill.
    """
    expected = {1 if state is None else state[1] + 1 for state in states}
    version = trial.backend.put(trial.record(owner, key))
    told = " or ".join(map(str, sorted(expected)))
    expect(version in expected, f"put returns {told}", f"it returned {short(version)}")
