"""DUR-7: acknowledged writes survive a crash of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation, premise
from pmcp_conformance.engine.watchdog import start_thread
from pmcp_conformance.expectations import expect
from pmcp_conformance.interleaving.exploration import noting_when
from pmcp_conformance.processes.crashes import check_survivors
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone, StepReport
from pmcp_storage import BackendError

_BEFORE = 24
"""Writes before the last one, each of a key of its own: enough to fill a small buffer now and then,
and not so many that it is only ever the last few that are in it."""

_TRIES = 20
"""Calls that may fail by a handle from before the crash: more than a pool has connections."""

_PAUSE = 0.05
"""Seconds after such a failure until the next try."""


@rule("DUR-7", facts=("durable",), back_doors=("crash",), alone=True, since="1.1")
def acknowledged_writes_survive_a_crash(trial: Trial) -> None:
    """Every write and delete acknowledged before the storage's server is killed with SIGKILL holds
    when the server is back, and handles opened before work again.

    Why: Servers of databases are killed too: by the OOM killer, by an upgrade, by a node that
    fails. A task that a client was told is stored must not depend on that. A deletion that is
    undone shows data again which its owner has removed.

    Real bug: OrientDB wrote transactions to its write-ahead log asynchronously, so the last
    operations before a crash of the server could be lost.
    (https://github.com/orientechnologies/orientdb/issues/9030)

    Mend: Let the server acknowledge only what is in its log: synchronous_commit on and no UNLOGGED
    table in PostgreSQL, appendonly yes in Redis, a journaled write concern in MongoDB. Ask for that
    when the handle is opened, and refuse a server that does not do it. Keep nothing for good that a
    restarted server has forgotten, such as loaded scripts, prepared statements and cursors: after
    NOSCRIPT, send the script itself.
    """
    for last in ("create", "put", "put_if_version", "delete"):
        owner = trial.owner()
        plan = [*writes_before(trial, owner), *writes_at_last(trial, owner, last)]
        with premise("PUT-2"):
            outcomes = [getattr(trial.backend, call.method)(*call.args) for call in plan]
        trial.target.crash()
        reopen(trial, owner)
        reports = [StepDone(step, f"-> {outcome}") for step, outcome in enumerate(outcomes)]
        with noting_when(f"after the server was killed at once after {last}"):
            check_survivors(trial, owner, plan, reports)
    what_is_written_meanwhile(trial)


def what_is_written_meanwhile(trial: Trial) -> None:
    """Write until the server is killed, however long after the call of crash() that is: a log may
    be flushed some milliseconds after the acknowledgement."""
    owner = trial.owner()
    handle = trial.open("before the crash")
    writing = Writing(trial, owner, handle)
    with premise("PUT-2"):
        writing.write()
    thread = start_thread(writing.run)
    try:
        trial.target.crash()
    finally:
        writing.ended.set()
        trial.watchdog.join(thread)
    trial.run.discard_handle()
    with noting_when("after the server was killed while a handle was writing"):
        # Before a new handle brings along what the server has forgotten.
        check_that_it_works_again(trial, handle)
        reopen(trial, owner)
        check_survivors(trial, owner, writing.plan, writing.reports)


class Writing:
    """Puts of one record, one after the other, until the storage fails or `ended` is set."""

    def __init__(self, trial: Trial, owner: str, handle: RecordedBackend) -> None:
        self._next = partial(trial.record, owner, "written")
        self._handle = handle
        self.ended = threading.Event()
        self.plan = list[MethodCall]()
        self.reports = list[StepReport]()

    def run(self) -> None:
        while not self.ended.is_set():
            if Attempt.of(self.write).error is not None:  # which is not judged: there is no server
                self.reports.append(StepBegun(len(self.plan) - 1))
                return

    def write(self) -> None:
        step = len(self.plan)
        self.plan.append(MethodCall("put", (self._next(variables={"mark": step}),)))
        version = self._handle.put(*self.plan[step].args)
        self.reports.append(StepDone(step, f"-> {version}"))


def reopen(trial: Trial, owner: str) -> None:
    """Go on with a new handle, and let other rules do so.

    Raises Inconclusive if `crash` has returned before the server is back.
    """
    trial.run.discard_handle()
    trial.backend = trial.open("after the crash")
    try:
        trial.backend.count_by_owner(owner)
    except BackendError as error:
        told = "crash() of the target returned before the server answers, which it must wait for"
        raise Inconclusive(told, str(error)) from error


def check_that_it_works_again(trial: Trial, handle: RecordedBackend) -> None:
    """A handle that was open when the server was killed writes and reads."""
    record = trial.record(trial.owner())
    key = record.owner_id, record.task_id
    until_answered(trial, "put", partial(handle.put, record))
    found = until_answered(trial, "get", partial(handle.get, *key))
    expect(found.record == record, "the handle reads what it has just written", short(found))


def until_answered(trial: Trial, name: str, call: Call) -> Any:
    """What the call returns; made again where the storage fails, for connections may be broken."""
    limit = Limit(trial.target.answer_within)
    for number in count(1):
        attempt = Attempt.of(call)
        if not (attempt.failed or attempt.unknown):
            return attempt.unwrap()
        if limit.is_certainly_over() and number >= _TRIES:
            break
        time.sleep(_PAUSE)
    reopen(trial, trial.owner())
    expected = f"{name} by the handle from before works again within {limit.seconds:g} s"
    raise Violation(f"{expected}, as it does by a new one", f"it {attempt} each of {number} times")


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
