"""DUR-6: simultaneous first opening."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import SECONDS
from pmcp_conformance.engine.expectations import expect_entry, expect_returns
from pmcp_conformance.engine.handles import fresh_token
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.fork_server import start_child
from pmcp_storage import NotFoundError, TaskRecord


@rule("DUR-6", facts=("interprocess",), doors=("open_fresh",))
def simultaneous_first_opening(trial: Trial) -> None:
    """Two processes that open fresh storage at the same time both work."""
    children = [start_child(trial), start_child(trial)]
    at_each_yield_point(trial, partial(opened_in_between, trial, children), within=SECONDS)
    for number in range(10 if is_fast(trial) else 6):
        token = fresh_token(trial)
        records = [trial.record("owner", f"of {n} in round {number}") for n in (0, 1)]
        at = time.monotonic_ns() + 2_000_000
        for child, record in zip(children, records, strict=True):
            child.send("open_fresh", token, at=at)
            child.send("create", record)
        for child in children:
            expect_returns(None, named("open_fresh", child))
            expect_returns(1, named("create", child))
        for child in children:
            read_both(trial, child, records)


def opened_in_between(trial: Trial, children: list[Child], at: YieldPoint) -> bool:
    """The second process opens fresh storage and writes while the first one has stopped at that
    place of opening it and a first look; False if the first one came to its end before."""
    token = fresh_token(trial)
    records = [trial.record("owner", f"of {n} with a stop at {at}") for n in (0, 1)]
    look, write = ("count_by_owner", ("owner",)), ("create", (records[1],))
    first, second = children
    first.send("step", at, False, [("open_fresh", (token,)), look])
    stopped_at = first.stopped()
    second.send("step", YieldPoint(0), False, [("open_fresh", (token,)), write])
    second.gives_way()
    if stopped_at:
        first.go_on()
        first.stopped()
    second.stopped()
    with noting_when(
        stopped_at and f"when one process opened while another one was at {stopped_at}"
    ):
        first.answer()
        expect_returns(1, named("create", second))
        expect_returns(1, first.call, "create", records[0])
        for child in children:
            read_both(trial, child, records)
    return bool(stopped_at)


def named(method: str, child: Child) -> Callable[[], Any]:
    """What a process answers to a call of that name, which it was sent before."""

    def answer() -> Any:
        return child.answer()

    answer.__name__ = method
    return answer


def read_both(trial: Trial, child: Child, records: list[TaskRecord]) -> None:
    for record in records:
        try:
            found = child.call("get", record.owner_id, record.task_id)
        except NotFoundError as error:
            raise Violation("both processes find what either has written", str(error)) from error
        expect_entry(found, record, 1)
