"""DUR-6: simultaneous first opening."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import SECONDS
from pmcp_conformance.engine.handles import fresh_token
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_entry, expect_returns
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.simultaneous import common_start
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import NotFoundError, TaskRecord


@rule("DUR-6", facts=("interprocess",), back_doors=("open_fresh",))
def simultaneous_first_opening(trial: Trial) -> None:
    """Two processes that open fresh storage at the same time both work.

    Why: On the first start of a new installation, with several workers, one of them dies with
    'already exists', or clears the table into which another has written its first tasks.

    Real bug: Two Celery workers of Apache Airflow that started on a new database could both try to
    create the result tables, as SQLAlchemy's create_all looks first and creates afterwards; one got
    a UniqueViolation. (https://github.com/apache/airflow/pull/8909)

    Mend: CREATE … IF NOT EXISTS, and take 'already exists' and PostgreSQL's duplicate key in the
    catalogue as done. Create the schema in one transaction or under a lock; never drop or clear
    while opening.
    """
    children = [start_child(trial), start_child(trial)]
    at_each_yield_point(trial, partial(opened_in_between, trial, children), within=SECONDS)
    for number in range(10 if is_fast(trial) else 6):
        opened_at_once(trial, children, number)


def opened_at_once(trial: Trial, children: list[Child], number: int) -> None:
    """Both children open fresh storage at the same instant, and write."""
    token = fresh_token(trial)
    records = [trial.record("owner", f"of {n} in round {number}") for n in (0, 1)]
    start = common_start()
    for child, record in zip(children, records, strict=True):
        child.send(MethodCall("open_fresh", (token,)), not_before=start)
        child.send(MethodCall("create", (record,)))
    for child in children:
        expect_returns(None, answer_to("open_fresh", child))
        expect_returns(1, answer_to("create", child))
    for child in children:
        read_both(trial, child, records)


def opened_in_between(trial: Trial, children: list[Child], at: YieldPoint) -> bool:
    """The second child opens fresh storage and writes while the first one has paused at that yield
    point of opening it and a first look; False if the first one came to its end before."""
    token = fresh_token(trial)
    records = [trial.record("owner", f"of {n} with a pause at {at}") for n in (0, 1)]
    first, second = children
    opening = MethodCall("open_fresh", (token,))
    paused_at = first.pause_at(at, opening, MethodCall("count_by_owner", ("owner",)))
    second.send(opening, MethodCall("create", (records[1],)))
    second.wait_until_blocked()
    if paused_at:
        first.resume()
    when = f"when one process opened while another one was at {paused_at}"
    with noting_when(paused_at and when, paused_at):
        first.answer()
        expect_returns(1, answer_to("create", second))
        expect_returns(1, first.call, "create", records[0])
        for child in children:
            read_both(trial, child, records)
    return bool(paused_at)


def answer_to(method: str, child: Child) -> Callable[[], Any]:
    """What a child answers to a call that it was sent before, under that method's name."""

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
