"""DUR-7: acknowledged writes survive a crash of the server."""

from __future__ import annotations

from collections.abc import Sequence

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, premise
from pmcp_conformance.interleaving.exploration import noting_when
from pmcp_conformance.processes.crashes import check_survivors
from pmcp_conformance.processes.messages import MethodCall, StepDone
from pmcp_storage import BackendError

_BEFORE = 24
"""Writes before the last one, each of a key of its own: enough to fill a small buffer now and then,
and not so many that it is only ever the last few that are in it."""


@rule("DUR-7", facts=("durable",), back_doors=("crash",), alone=True, since="1.1")
def acknowledged_writes_survive_a_crash(trial: Trial) -> None:
    """Every write and delete acknowledged before the storage's server is killed with SIGKILL holds
    when the server is back.

    Why: Servers of databases are killed too: by the OOM killer, by an upgrade, by a node that
    fails. A task that a client was told is stored must not depend on that. A deletion that is
    undone shows data again which its owner has removed.

    Real bug: OrientDB wrote transactions to its write-ahead log asynchronously, so the last
    operations before a crash of the server could be lost.
    (https://github.com/orientechnologies/orientdb/issues/9030)

    Mend: Let the server acknowledge only what is in its log: synchronous_commit on and no UNLOGGED
    table in PostgreSQL, appendonly yes in Redis, a journaled write concern in MongoDB. Ask for that
    when the handle is opened, and refuse a server that does not do it.
    """
    for last in ("create", "put", "put_if_version", "delete"):
        owner = trial.owner()
        plan = [*writes_before(trial, owner), *writes_at_last(trial, owner, last)]
        with premise("PUT-2"):
            outcomes = [getattr(trial.backend, call.method)(*call.args) for call in plan]
        trial.target.crash()
        trial.run.discard_handle()
        trial.backend = trial.open("after the crash")
        check_that_it_answers(trial, owner)
        reports = [StepDone(step, f"-> {outcome}") for step, outcome in enumerate(outcomes)]
        with noting_when(f"after the server was killed at once after {last}"):
            check_survivors(trial, owner, plan, reports)


def check_that_it_answers(trial: Trial, owner: str) -> None:
    """The server is back. Raises Inconclusive if `crash` has returned before."""
    try:
        trial.backend.count_by_owner(owner)
    except BackendError as error:
        told = "crash() of the target returned before the server answers, which it must wait for"
        raise Inconclusive(told, str(error)) from error


def writes_before(trial: Trial, owner: str) -> Sequence[MethodCall]:
    """Creations, and a delete of every third record."""
    plan = list[MethodCall]()
    for number in range(_BEFORE):
        variables = {"mark": len(plan)}
        record = trial.record(owner, f"t{number:02}", variables=variables)
        plan.append(MethodCall("create", (record,)))
        if number % 3 == 0:
            plan.append(MethodCall("delete", (owner, record.task_id)))
    return plan


def writes_at_last(trial: Trial, owner: str, last: str) -> Sequence[MethodCall]:
    """The write that the crash follows, and what has to be there for it."""
    first, second = [trial.record(owner, "z", variables={"mark": mark}) for mark in (100, 101)]
    create = MethodCall("create", (first,))
    plans: dict[str, Sequence[MethodCall]] = {
        "create": [create],
        "put": [MethodCall("put", (first,))],
        "put_if_version": [create, MethodCall("put_if_version", (second, 1))],
        "delete": [create, MethodCall("delete", (owner, "z"))],
    }
    return plans[last]
