"""FLT, from 8 on: what a caller may conclude from an answer that was given under faults."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from random import Random

from pmcp_conformance.contract.faults import (
    demand,
    read_agrees,
    stored_text,
    undoes_nothing,
    write_agrees,
    writes_meanwhile,
)
from pmcp_conformance.faulted import (
    CREATE,
    PUT,
    PUT_NEW,
    SWAP,
    WRITES,
    Case,
    Read,
    Route,
    Write,
    at_once,
    reads,
    stored,
    struck_cases,
)
from pmcp_conformance.faults import Fault
from pmcp_conformance.race import Attempt, Client, History, raise_unexpected, together
from pmcp_conformance.rules import rule
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    StorageError,
)

_AWAY = (0.002, 0.01, 0.03, 0.08)
"""Seconds for which the storage is away: about as long as clients wait for a second attempt."""

_CLIENTS, _OPERATIONS = 4, 20

_MIXTURE = {
    Fault.PASS: 60,
    Fault.DELAY: 10,
    Fault.CUT_REQUEST: 8,
    Fault.LOSE_ANSWER: 14,
    Fault.CUT_ANSWER: 4,
    Fault.GARBLE: 4,
}
"""How often what happens to an exchange of a random history."""


@rule("FLT-8", doors=("address",))
def random_faults(trial: Trial) -> None:
    """Under random faults every acknowledged write is kept, and the history with its unknown
    outcomes is linearizable (histories without deletes).
    """
    history, keys = History(trial.owner()), ["a", "b", "c"]
    with ExitStack() as stack:
        routes = [stack.enter_context(Route(trial)) for _ in range(_CLIENTS)]
        attempts = together(
            trial.watch,
            [
                partial(live, trial, route, history, keys, f"{trial.seed_number} {number}")
                for number, route in enumerate(routes)
            ],
        )
    raise_unexpected(attempts)
    last = Client(history, trial.backend.untraced, trial)
    for key in keys:
        last.get(key)
    history.verify(trial, "FLT-8")


def live(trial: Trial, route: Route, history: History, keys: list[str], seed: str) -> None:
    """The operations of one client, on its own spoilt way."""
    ours, theirs = Random(f"operations {seed}"), Random(f"faults {seed}")
    client = Client(history, route.handle().untraced, trial)
    faults, weights = list(_MIXTURE), list(_MIXTURE.values())
    route.proxy.play(lambda exchange: theirs.choices(faults, weights)[0])
    for _ in range(_OPERATIONS):
        operations = (client.swap, client.put, client.get, client.create)
        ours.choices(operations, weights=(5, 3, 3, 1))[0](ours.choice(keys))


@rule("FLT-9", doors=("address",))
def equal_records_of_others(trial: Trial) -> None:
    """A write knows itself by a token, not by its value: another's equal record at the same
    version is never taken for one's own.
    """
    meanwhile = partial(writes_meanwhile, trial, equal=True)
    makers = (SWAP, CREATE, PUT, PUT_NEW)
    for case in struck_cases(trial, makers, Fault.CUT_REQUEST, meanwhile=meanwhile):
        if case.interfered is None:
            continue
        if case.operation.name.startswith("put of"):
            undoes_nothing(trial, case)
        else:
            is_refused(trial, case)


def is_refused(trial: Trial, case: Case) -> None:
    """The conditional write, before which another has written, does not claim that it wrote."""
    write, attempt, theirs = case.operation, case.attempt, case.interfered
    assert isinstance(write, Write)
    assert theirs is not None
    refusal = refusal_of(write, theirs.version)
    found = stored(trial, write.key)
    holds = attempt.failed or attempt.unknown or same_error(attempt, refusal)
    told = f"raises {type(refusal).__name__} or a BackendError, for the equal record is another's"
    whose = "the other's" if found == theirs else stored_text(write, found)
    demand(case, holds and found == theirs, told, f"; the storage holds {whose}")


def refusal_of(write: Write, actual: int) -> StorageError:
    """The plain refusal of a conditional write that meets this version; 0: an absent key."""
    if write.version == 0:
        return AlreadyExistsError(*write.key)
    if actual == 0:
        return NotFoundError(*write.key)
    return ConcurrentModificationError(*write.key, write.version, actual)


def same_error(attempt: Attempt, error: StorageError) -> bool:
    return type(attempt.error) is type(error) and vars(attempt.error) == vars(error)


@rule("FLT-10", doors=("address",))
def errors_while_reading(trial: Trial) -> None:
    """An error while reading is an error: never an absent record, an empty or a shortened
    listing.
    """
    # The slowest first; and more records than iter_by_owner asks for at a time.
    faults = [Fault.SWALLOW, Fault.REFUSE, Fault.CUT_REQUEST]
    faults += [Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.GARBLE]
    for case in struck_cases(trial, reads(trial, 101), *faults):
        read_agrees(case)


@rule("FLT-11", doors=("address",))
def servers_that_never_answer(trial: Trial) -> None:
    """A server that accepts and never answers ends in BackendError within answer_within."""
    for case in struck_cases(trial, (*WRITES, *reads(trial, 1)), Fault.SWALLOW):
        if isinstance(case.operation, Read):
            read_agrees(case)
        else:
            write_agrees(trial, case)


@rule("FLT-12", doors=("address",))
def writes_that_may_have_been_applied(trial: Trial) -> None:
    """A write that fails and may have been applied raises OutcomeUnknownError; every other error
    means that nothing was written.
    """
    faults = (Fault.LOSE_ANSWER, Fault.VANISH)
    for case in struck_cases(trial, WRITES, *faults, lasts=(True,)):
        write_agrees(trial, case)


@rule("FLT-13", doors=("address",))
def writes_that_cannot_have_been_applied(trial: Trial) -> None:
    """A write that cannot have been applied (connection refused) is not called unknown: a conflict
    after it is a plain conflict.
    """
    jobs = [partial(fails_plainly, trial, maker(trial)) for maker in WRITES]
    for away in _AWAY:
        jobs += [partial(conflicts_plainly, trial, *stale, away) for stale in stale_writes(trial)]
    at_once(jobs)


def stale_writes(trial: Trial) -> list[tuple[Write, StorageError]]:
    """Conditional writes whose conditions do not hold, and what they are told."""
    overtaken, deleted, present = SWAP(trial), SWAP(trial), CREATE(trial)
    with trial.premise("CAS-1"):
        trial.returns(2, trial.backend.put_if_version, trial.record(*overtaken.key), 1)
    with trial.premise("DEL-1"):
        trial.returns(True, trial.backend.delete, *deleted.key)
    with trial.premise("CRE-1"):
        trial.returns(1, trial.backend.create, trial.record(*present.key))
    actual = ((overtaken, 2), (deleted, 0), (present, 1))
    return [(write, refusal_of(write, version)) for write, version in actual]


def cut_off(route: Route, write: Write) -> None:
    """From now on connections are refused, and the handle has none left: a read has failed."""
    route.handle()
    route.proxy.refuse()
    route.trace.lines.append("# from now on all connections are refused")
    route.call(lambda handle: handle.get(*write.key))


def fails_plainly(trial: Trial, write: Write) -> None:
    """While connections are refused, the write fails and is not called unknown."""
    with Route(trial) as route:
        cut_off(route, write)
        attempt = route.call(write.run)
        found = stored(trial, write.key)
        if not attempt.failed or found != write.former:
            told = f"{write.name}, all connections refused: a BackendError that is not "
            told += "OutcomeUnknownError, having written nothing"
            observed = f"it {attempt}; the storage holds {stored_text(write, found)}"
            raise Violation(told, observed, route.trace.shown())


def conflicts_plainly(trial: Trial, write: Write, refusal: StorageError, away: float) -> None:
    """The stale write fails, or is refused as without faults, where the storage comes back."""

    def comes_back() -> None:
        time.sleep(away)
        route.trace.lines.append("# the storage is back")
        route.proxy.mend()

    with Route(trial) as route:
        cut_off(route, write)
        attempt = route.call(write.run, meanwhile=comes_back)
        if not attempt.failed and not same_error(attempt, refusal):
            told = f"{write.name}, stale, connections refused for {away:g} s: "
            told += f"{type(refusal).__name__} or a BackendError that is not OutcomeUnknownError"
            raise Violation(told, f"it {attempt}", route.trace.shown())
