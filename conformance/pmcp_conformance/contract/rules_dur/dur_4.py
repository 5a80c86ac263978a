"""DUR-4: opening after a kill."""

from __future__ import annotations

from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_dur.support import LONGEST, SECONDS, killed_at
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect, expect_returns, expect_stored
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.crashes import kill_while_writing
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import StorageError, TaskRecord

_ROUNDS = 6


@rule("DUR-4", facts=("durable", "interprocess"))
def opening_after_a_kill(trial: Trial) -> None:
    """The storage opens after a kill at any moment, and no stale lock stops the next process.

    Why: After a crash the service does not come up again, or one task can never be written again,
    until somebody deletes a file by hand at night.

    Real bug: The cachix deploy agent, killed by kill -9, left its lock behind and then refused to
    start. (https://github.com/cachix/cachix/issues/493)

    Mend: Use locks that end with their holder: flock, fcntl, a database session. Overwrite scratch
    files of dead writers (unique names help), and drop an incomplete last entry of a log instead of
    failing on it.
    """
    owner = trial.owner()
    at_each_yield_point(trial, partial(writable_after_a_kill_at, trial, owner), within=SECONDS)
    random = Random(trial.seed + 4)
    for number in range(_ROUNDS):
        plan = [MethodCall("put", (long_record(trial, owner),)) for _ in range(200)]
        after_step = (0, 40)[number % 2]
        kill_while_writing(start_child(trial), plan, random.uniform(0, LONGEST), after_step)
        can_write(trial, ChildBackend(trial, start_child(trial)), owner, f"next {number}")


def writable_after_a_kill_at(trial: Trial, owner: str, at: YieldPoint) -> bool:
    """Kill a child at that yield point of opening and a write; False if they have fewer."""
    died_at = start_child(trial).kill_at(at, "put", long_record(trial, owner))
    with noting_when(killed_at(died_at), died_at):
        check_new_handle(trial, owner, f"after {at}")
    return bool(died_at)


def check_new_handle(trial: Trial, owner: str, key: str) -> None:
    """A handle that is opened now can write."""
    try:
        handle = trial.open(key)
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("the storage opens", observed) from error
    can_write(trial, handle, owner, key)
    handle.close()


def can_write(trial: Trial, handle: RecordedBackend | ChildBackend, owner: str, key: str) -> None:
    """The handle can create a record soon, and write the one that was under way."""
    limit = Limit(trial.target.answer_within)
    record = trial.record(owner, key)
    expect_returns(1, handle.create, record)
    within = f"a write within {limit.seconds:g} s"
    expect(not limit.is_certainly_over(), within, "it took longer")
    expect_stored(trial, record, 1)
    try:
        handle.put(long_record(trial, owner))
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation("put succeeds", observed) from error


def long_record(trial: Trial, owner: str) -> TaskRecord:
    """A record of which some are enough to fill whatever buffer there is."""
    return trial.record(owner, "long", variables={"fill": "x" * 900})
