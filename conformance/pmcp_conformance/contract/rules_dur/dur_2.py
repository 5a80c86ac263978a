"""DUR-2: acknowledged writes survive a kill."""

from __future__ import annotations

from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import LONGEST, SECONDS, killed_at
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.crashes import (
    Plan,
    check_survivors,
    kill_while_writing,
    random_plan,
)
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone

_ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs."""


@rule("DUR-2", facts=("durable", "interprocess"))
def acknowledged_writes_survive_a_kill(trial: Trial) -> None:
    """Every write and delete acknowledged before a kill -9 holds afterwards; one that was not
    acknowledged is there wholly or not at all.
    """
    for method in ("create", "put_if_version", "delete"):
        at_each_yield_point(trial, partial(survives_a_kill_at, trial, method), within=SECONDS)
    random = Random(trial.seed)
    for number in range(_ROUNDS):
        owner = trial.owner()
        plan = random_plan(trial, owner, random)
        reports = kill_while_writing(start_child(trial), plan, random.uniform(0, LONGEST))
        with noting_when(f"after the kill in round {number}"):
            check_survivors(trial, owner, plan, reports)


def survives_a_kill_at(trial: Trial, method: str, at: YieldPoint) -> bool:
    """Kill a child at that yield point of an operation on a record that it has written; False if
    the operation has fewer yield points."""
    owner = trial.owner()
    child = start_child(trial)
    plan = plan_of(trial, owner, method)
    before, last = plan
    outcome = Attempt(child.call(before.method, *before.args))
    died_at = child.kill_at(at, last.method, *last.args)
    with noting_when(killed_at(died_at)):
        end = StepBegun(1) if died_at else StepDone(1, "acknowledged")
        check_survivors(trial, owner, plan, [StepDone(0, str(outcome)), end])
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
