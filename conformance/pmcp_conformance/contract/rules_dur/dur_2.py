"""DUR-2: acknowledged writes survive a kill."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import LONGEST, SECONDS
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.crashes import (
    check_survivors,
    drawn_plan,
    kill_while_writing,
)
from pmcp_conformance.processes.fork_server import start_child

ROUNDS = 14
"""A store that survives three kills in five is then missed once in a thousand runs."""


@rule("DUR-2", facts=("durable", "interprocess"))
def acknowledged_writes_survive_a_kill(trial: Trial) -> None:
    """Every write and delete acknowledged before a kill -9 holds afterwards; one that was not
    acknowledged is there wholly or not at all.
    """
    for method in ("create", "put_if_version", "delete"):
        at_each_yield_point(trial, partial(survives_a_kill_at, trial, method), within=SECONDS)
    random = Random(trial.seed)
    for number in range(ROUNDS):
        owner = trial.owner()
        plan = drawn_plan(trial, owner, random)
        heard = kill_while_writing(start_child(trial), plan, random.uniform(0, LONGEST))
        with noting_when(f"after the kill in round {number}"):
            check_survivors(trial, owner, plan, heard)


def survives_a_kill_at(trial: Trial, method: str, at: YieldPoint) -> bool:
    """Kill a process at that place of an operation on a record that it has written; False if the
    operation has fewer places."""
    owner, child = trial.owner(), start_child(trial)
    first, second = [trial.record(owner, "k0", variables={"mark": mark}) for mark in (0, 1)]
    plans: dict[str, list[Any]] = {
        # The delete before the creation makes sure that the child has opened its handle.
        "create": [("delete", (owner, "k0")), ("create", (first,))],
        "put_if_version": [("put", (first,)), ("put_if_version", (second, 1))],
        "delete": [("put", (first,)), ("delete", (owner, "k0"))],
    }
    (before, args), (_, last) = plan = plans[method]
    heard = [("done", 0, child.call(before, *args))]
    died_at = child.kill_at(at, method, *last)
    heard.append(("begins", 1, "killed") if died_at else ("done", 1, "acknowledged"))
    with noting_when(f"after a process was killed at {died_at}" if died_at else ""):
        check_survivors(trial, owner, plan, heard)
    return bool(died_at)
