"""Kills amid what a backend does rarely: it compacts a log, rotates a file, splits a page.

Few writes come to the lines that a backend always has; what many writes come to besides is that
work. Where something else than Python code decides, or an operation waits for its storage, nothing
is tried: a server does such work by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pmcp_conformance.engine.pacing import is_fast, limit_of, numbers
from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import noting_when
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.crashes import KEYS, Plan, check_survivors, random_plan
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import Paused, StepBegun, StepDone, StepReport

_FEW, _MANY = 40, 2_500
"""Writes that come to all ordinary code, and those after which most logs have been compacted."""

_MANY_WITHIN = 1.5
"""Seconds of an idle machine for the latter, in which a slow disk does less."""

_MOST_LINES = 60
"""Of that work."""


def rare_work_survives_kills(trial: Trial, random: Random, *, within: float) -> None:
    """Kill children at one line of that work after the other; what they had acknowledged is stored.

    It is tried for `within` seconds where an operation takes milliseconds.
    """
    if not trial.target.in_process or not is_fast(trial):
        return
    owner = trial.owner()
    plan = random_plan(trial, owner, random, _MANY)
    places = list[str]()
    for _ in numbers(trial, _MOST_LINES, until=limit_of(trial, within)):
        places.append(_survives_a_kill(trial, owner, plan, places))
        if not places[-1]:
            break


def _survives_a_kill(trial: Trial, owner: str, plan: Plan, known: Sequence[str]) -> str:
    """Kill a child over its plan at a line of the work that is not known yet; returns which it was,
    or "" if there was none."""
    for key in KEYS:
        trial.backend.put(trial.record(owner, key))  # does the work that is overdue
        trial.backend.delete(owner, key)  # so that versions begin anew
    child = start_child(trial)
    child.start_plan(plan, _FEW, known)
    died_at, reports = _told_of(child, len(plan) - 1)
    with noting_when(f"after a process was killed at {died_at}" if died_at else "", died_at):
        check_survivors(trial, owner, plan, reports)
    return died_at


def _told_of(child: Child, last: int) -> tuple[str, list[StepReport]]:
    """Where a child has died over its plan, or "" if it was killed at the end of it or of the time,
    and what it had reported."""
    told = list[object]()
    for message in child.messages(within=_MANY_WITHIN * load_factor()):
        told.append(message)
        if isinstance(message, StepDone) and message.step == last:
            break
    child.kill()
    told += child.last_messages()
    died_at = "".join(message.where for message in told if isinstance(message, Paused))
    return died_at, [message for message in told if isinstance(message, StepBegun | StepDone)]
