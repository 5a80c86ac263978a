"""DUR-4: opening after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import LONGEST, SECONDS
from pmcp_conformance.engine.expectations import expect, expect_returns, expect_stored
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.crashes import (
    kill_while_writing,
)
from pmcp_conformance.processes.fork_server import start_child
from pmcp_storage import StorageError, TaskRecord


@rule("DUR-4", facts=("durable", "interprocess"))
def opening_after_a_kill(trial: Trial) -> None:
    """The storage opens after a kill at any moment, and no stale lock stops the next process."""
    owner = trial.owner()
    at_each_yield_point(trial, partial(works_after_a_kill_at, trial, owner), within=SECONDS)
    random = Random(trial.seed + 4)
    for number in range(6):
        records = [long_record(trial, owner) for n in range(200)]
        plan = [("put", (record,)) for record in records]
        kill_while_writing(
            start_child(trial), plan, random.uniform(0, LONGEST), (0, 40)[number % 2]
        )
        works(trial, start_child(trial).call, owner, f"next {number}")


def works_after_a_kill_at(trial: Trial, owner: str, at: YieldPoint) -> bool:
    """Kill a process at that place of opening and a write; False if they have fewer places."""
    died_at = start_child(trial).kill_at(at, "put", long_record(trial, owner))
    with noting_when(f"after a process was killed at {died_at}" if died_at else ""):
        opened_anew_works(trial, owner, f"after {at}")
    return bool(died_at)


def opened_anew_works(trial: Trial, owner: str, key: str) -> None:
    """A handle that is opened now can write."""
    try:
        handle = trial.open(key)
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("the storage opens", observed) from error
    works(trial, lambda method, *args: getattr(handle, method)(*args), owner, key)
    handle.close()


def works(trial: Trial, call: Callable[..., Any], owner: str, key: str) -> None:
    """Whoever makes these calls can create a record soon, and write the one that was under way."""
    begun = time.monotonic()
    record = trial.record(owner, key)
    expect_returns(1, call, "create", record)
    took, within = time.monotonic() - begun, trial.target.answer_within
    expect(took < within, f"a write within {within} s", f"it took {took:.1f} s")
    expect_stored(trial, record, 1)
    try:
        call("put", long_record(trial, owner))
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("put succeeds", observed) from error


def long_record(trial: Trial, owner: str) -> TaskRecord:
    """A record of which some are enough to fill whatever buffer there is."""
    return trial.record(owner, "long", variables={"fill": "x" * 900})
