"""STORE-11: ending a task and storing its result in one write."""

from __future__ import annotations

from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    ENDED,
    INPUT,
    WORKING,
    expect_requests,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_stored
from pmcp_storage import InvalidArgumentError


@rule("STORE-11")
def completion_is_one_write(trial: Trial) -> None:
    """complete_with_result stores the result and the terminal status in one write, and takes no
    other status.

    Why: A client that polls between two writes sees 'completed' and finds no result, takes that for
    the answer, and never asks again. A crash in between makes it permanent.

    Real bug: RQ's worker wrote a job's status to Redis before its result: another process that read
    in between saw a finished job whose result was None. (https://github.com/rq/rq/issues/1706)

    Mend: Put status, result and message into one record and write it by one put_if_version. Refuse
    statuses that are not terminal before the write.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for status in ENDED:
        task_id = status.value
        seed_task(trial, owner, task_id)
        ended = expect_requests(
            bench,
            {"get": 1, "put_if_version": 1},
            "complete_with_result",
            partial(store.complete_with_result, owner, task_id, status, {"content": [1]}, "done"),
        )
        found = store.get(owner, task_id)
        expect_same("version", (2, 2), (ended.version, found.version))
        stored = (found.record.status, found.record.result, found.record.task.status_message)
        expect_same("status, result, message", (status, {"content": [1]}, "done"), stored)
    record = seed_task(trial, owner)
    wrong: Any
    for wrong in (WORKING, INPUT, "done"):
        with_status = partial(store.complete_with_result, owner, "task", wrong, 1)
        expect_raises(InvalidArgumentError, with_status)
    expect_stored(trial, record, 1)
