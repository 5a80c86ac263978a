"""DUR-5: all agree after a kill."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import SECONDS, killed_at
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.simultaneous import spin_until
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.crashes import Plan, check_agreement, reports_until
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone


@rule("DUR-5", facts=("durable", "interprocess"))
def all_agree_after_a_kill(trial: Trial) -> None:
    """After a kill inside a delete or a cleanup get, listing and count agree.

    Why: After a crash the list shows a task that cannot be opened, or the count is too high for
    ever and the owner's quota is used up by ghosts.

    Real bug: pmse, a storage engine for MongoDB on persistent memory, was left inconsistent by a
    crash between inserting a record and inserting its index entry.
    (https://github.com/pmem/pmse/issues/160)

    Mend: Remove the record and everything derived from it in one transaction or script. Without
    transactions make the record the only truth: derive listing and count from it, or check index
    entries against it when reading.
    """
    random = Random(trial.seed + 5)
    ids = [f"t{n:02}" for n in range(12)]
    explore_kills(trial, ids[:3], "delete")
    for _ in range(8):
        owner = owner_of(trial, ids)
        plan = [MethodCall("delete", (owner, task_id)) for task_id in ids]
        kill_inside_a_delete(start_child(trial), plan, random)
        check_agreement(trial, owner, ids)
    if not trial.target.native_expiry:
        explore_kills(trial, ids[:3], "cleanup_expired")
        agree_after_a_killed_cleanup(trial, ids, random)


def explore_kills(trial: Trial, ids: list[str], method: str) -> None:
    """Kill a child at each yield point of a delete, or of a cleanup."""
    at_each_yield_point(trial, partial(agree_after_a_kill_at, trial, ids, method), within=SECONDS)


def agree_after_a_kill_at(trial: Trial, ids: list[str], method: str, at: YieldPoint) -> bool:
    """Kill a child at that yield point; False if the operation has fewer."""
    deletes = method == "delete"
    owner = owner_of(trial, ids) if deletes else owner_of_expired(trial, ids)
    args = (owner, ids[1]) if deletes else ()
    child = start_child(trial)
    child.call("count_by_owner", owner)  # whatever opening does is then done
    died_at = child.kill_at(at, method, *args)
    with noting_when(killed_at(died_at), died_at):
        check_agreement(trial, owner, ids)
    return bool(died_at)


def kill_inside_a_delete(child: Child, plan: Plan, random: Random) -> None:
    """Kill the child somewhere in a step that is neither the first nor the last."""
    step = random.randrange(2, len(plan) - 1)
    child.start_plan(plan)
    reports_until(child, StepBegun, 1)
    begun = time.monotonic()
    reports_until(child, StepBegun, step)
    spin(random.uniform(0, 1.5) * (time.monotonic() - begun) / (step - 1))
    child.kill()
    child.last_messages()


def agree_after_a_killed_cleanup(trial: Trial, ids: list[str], random: Random) -> None:
    """The same inside a cleanup; the first one is not killed, but shows how long it takes."""
    took = 0.0
    for number in range(4):
        owner = owner_of_expired(trial, ids)
        child = start_child(trial)
        child.start_plan([MethodCall("cleanup_expired")])
        reports_until(child, StepBegun, 0)
        begun = time.monotonic()
        if number == 0:
            reports_until(child, StepDone, 0)
            took = time.monotonic() - begun
        spin(random.uniform(0, took))
        child.kill()
        child.last_messages()
        check_agreement(trial, owner, ids)


def owner_of(trial: Trial, ids: list[str]) -> str:
    """An owner with these tasks."""
    owner = trial.owner()
    for task_id in ids:
        trial.store_record(owner, task_id)
    return owner


def owner_of_expired(trial: Trial, ids: list[str]) -> str:
    """An owner with these tasks, all of them expired."""
    owner = trial.owner()
    past = datetime.now(UTC) - timedelta(hours=1)
    for task_id in ids:
        trial.store_record(owner, task_id, expires_at=past)
    return owner


def spin(seconds: float) -> None:
    """Wait for that long: sleeping is too coarse to meet an operation."""
    spin_until(time.monotonic_ns() + round(seconds * 1e9))
