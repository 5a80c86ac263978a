"""Children that are killed over a plan of writes, and what must be stored afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect, expect_settled_expiry, listed_ids
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.messages import (
    MethodCall,
    OpeningFailed,
    StepBegun,
    StepDone,
    StepReport,
)
from pmcp_storage import NotFoundError

KEYS = ("k0", "k1", "k2", "k3")
"""The tasks of a random plan."""

_PLAN_LENGTH = 300
"""Steps, more than there will be time for."""

_STEP_WITHIN = 30.0
"""Seconds after which a child that reports nothing more is taken as it is."""

_REPORTS_SHOWN = 8

Plan = Sequence[MethodCall]
"""Writes and deletes of one owner's tasks."""


class Survivor(NamedTuple):
    """What a key holds, told apart by the mark of its record and its version."""

    mark: int
    version: int


ExpectedState = dict[str, Survivor]
"""What the keys of a plan hold; those that are absent are not in it."""


def random_plan(trial: Trial, owner: str, random: Random, length: int = _PLAN_LENGTH) -> Plan:
    """Writes and deletes on a few keys of the owner; a record's mark is its step's number."""
    plan = list[MethodCall]()
    for step in range(length):
        key = random.choice(KEYS)
        if random.random() < 0.2:
            plan.append(MethodCall("delete", (owner, key)))
        else:
            size = random.choice((10, 10, 2_000))
            variables = {"mark": step, "fill": "x" * size}
            plan.append(MethodCall("put", (trial.record(owner, key, variables=variables),)))
    return plan


def kill_while_writing(
    child: Child, plan: Plan, delay: float, after_step: int = 0
) -> list[StepReport]:
    """Let the child carry out the plan and kill it `delay` seconds after it has done that step;
    what it reported, also while it died.

    Raises what opening its handle raises.
    """
    child.start_plan(plan)
    reports = reports_until(child, StepDone, after_step)
    reports += child.messages(within=delay)
    child.kill()
    return [*reports, *child.last_messages()]


def reports_until(child: Child, kind: type[StepReport], step: int) -> list[StepReport]:
    """What the child reports of its plan until that step has begun, or is done.

    Raises what opening its handle raises.
    """
    reports = list[StepReport]()
    for message in child.messages(within=_STEP_WITHIN):
        if isinstance(message, OpeningFailed):
            raise message.error
        reports.append(message)
        if isinstance(message, kind) and message.step == step:
            break
    return reports


def check_survivors(trial: Trial, owner: str, plan: Plan, reports: Sequence[StepReport]) -> None:
    """What is stored is what was acknowledged, with or without the step that was under way."""
    acknowledged, under_way = states_after(plan, reports)
    keys = sorted({_key_of(call) for call in plan})
    check_agreement(trial, owner, keys)
    for key in keys:
        allowed = acknowledged.get(key), under_way.get(key)
        found = find_survivor(trial, owner, key)
        if found is not None:
            with suppress(NotFoundError):
                expect_settled_expiry(trial, trial.backend.get(owner, key).record)
        if found not in allowed:
            expected = " or ".join(dict.fromkeys(map(_survivor_text, allowed)))
            steps = [f"{plan[report.step].method}: {report}" for report in reports]
            raise Violation(
                f"{key} as acknowledged: {expected}",
                _survivor_text(found),
                steps[-_REPORTS_SHOWN:],
            )
        _check_next_version(trial, owner, key, allowed)
    listed = sorted(listed_ids(trial, owner))
    # A delete that was under way may reach a server after the kill, and after all of the above.
    late = {key for key in keys if key in acknowledged and key not in under_way}
    is_complete = listed in (keys, [key for key in keys if key not in late])
    expect(is_complete, f"a listing of {keys}, which were just written", short(listed))


def states_after(plan: Plan, reports: Sequence[StepReport]) -> tuple[ExpectedState, ExpectedState]:
    """What the plan's keys hold by the steps that were acknowledged, and what they hold if the step
    that was under way was carried out as well."""
    done = [report.step for report in reports if isinstance(report, StepDone)]
    begun = [report.step for report in reports if isinstance(report, StepBegun)]
    under_way = begun[-1:]
    if begun and begun[-1] in done:
        # The next step may have begun, and been killed before its report was sent.
        under_way = [begun[-1] + 1]
    return replay(plan, done), replay(plan, [*done, *under_way])


def replay(plan: Plan, steps: Iterable[int]) -> ExpectedState:
    """What the keys hold after these steps of the plan, if they were absent before."""
    state: ExpectedState = {}
    for step in dict.fromkeys(steps):
        if step >= len(plan):
            continue
        key = _key_of(plan[step])
        before = state.pop(key, None)
        if plan[step].method != "delete":
            version = 1 if before is None else before.version + 1
            state[key] = Survivor(plan[step].args[0].variables["mark"], version)
    return state


def check_agreement(trial: Trial, owner: str, task_ids: Sequence[str]) -> None:
    """The same tasks by get, by a listing, and by a count, whichever of the given ones there are.

    Looked at twice if need be: what had left the killed child for a server may have arrived between
    the first look and its end.
    """
    for _ in range(2):
        listed = sorted(listed_ids(trial, owner))
        got = [task_id for task_id in sorted(task_ids) if find_survivor(trial, owner, task_id)]
        counted = trial.backend.count_by_owner(owner)
        if listed == got and counted == len(listed):
            return
    observed = f"get finds {short(got)}, the listing has {short(listed)}, the count is {counted}"
    raise Violation("get, listing and count to agree", observed)


def find_survivor(trial: Trial, owner: str, key: str) -> Survivor | None:
    """What the key holds now; None if it is absent."""
    try:
        found = trial.backend.get(owner, key)
    except NotFoundError:
        return None
    return Survivor(found.record.variables.get("mark", 0), found.version)


def _check_next_version(
    trial: Trial, owner: str, key: str, allowed: Sequence[Survivor | None]
) -> None:
    """The next write continues the versions.

    In a storage with a server the step that was under way may arrive after the kill.
    """
    expected = {1 if survivor is None else survivor.version + 1 for survivor in allowed}
    version = trial.backend.put(trial.record(owner, key))
    text = " or ".join(map(str, sorted(expected)))
    expect(version in expected, f"put returns {text}", f"it returned {short(version)}")


def _key_of(call: MethodCall) -> str:
    """The task that a step of a plan writes or deletes."""
    key: str = call.args[1] if call.method == "delete" else call.args[0].task_id
    return key


def _survivor_text(survivor: Survivor | None) -> str:
    if survivor is None:
        return "absent"
    return f"the record of step {survivor.mark} at version {survivor.version}"
