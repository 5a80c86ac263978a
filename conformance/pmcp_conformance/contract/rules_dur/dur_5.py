"""DUR-5: all agree after a kill."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import SECONDS
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_main import wait_until
from pmcp_conformance.processes.crashes import (
    check_agreement,
    heard_until,
)
from pmcp_conformance.processes.fork_server import start_child


@rule("DUR-5", facts=("durable", "interprocess"))
def all_agree_after_a_kill(trial: Trial) -> None:
    """After a kill inside a delete or a cleanup get, listing and count agree."""
    random = Random(trial.seed + 5)
    ids = [f"t{n:02}" for n in range(12)]
    at_each_yield_point(
        trial, partial(agree_after_a_kill_at, trial, ids[:3], "delete"), within=SECONDS
    )
    for _ in range(8):
        owner = trial.owner()
        for task_id in ids:
            trial.store_record(owner, task_id)
        kill_inside_a_delete(start_child(trial), [("delete", (owner, t)) for t in ids], random)
        check_agreement(trial, owner, ids)
    if not trial.target.native_expiry:
        at_each_yield_point(
            trial,
            partial(agree_after_a_kill_at, trial, ids[:3], "cleanup_expired"),
            within=SECONDS,
        )
        agree_after_a_killed_cleanup(trial, ids, random)


def agree_after_a_kill_at(trial: Trial, ids: list[str], method: str, at: YieldPoint) -> bool:
    """Kill a process at that place of a delete or a cleanup; False if it has fewer places."""
    owner, past = trial.owner(), datetime.now(UTC) - timedelta(hours=1)
    for task_id in ids:
        trial.store_record(owner, task_id, expires_at=past)
    args = (owner, ids[1]) if method == "delete" else ()
    child = start_child(trial)
    child.call("count_by_owner", owner)  # whatever opening does is then done
    died_at = child.kill_at(at, method, *args)
    with noting_when(f"after a process was killed at {died_at}" if died_at else ""):
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
            trial.store_record(owner, task_id, expires_at=past)
        child = start_child(trial)
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
