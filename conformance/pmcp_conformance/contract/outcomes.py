"""FLT, from 8 on: what a caller may conclude from an answer that was given under faults."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history.recorder import Client, History
from pmcp_conformance.interleaving.simultaneous import together
from pmcp_conformance.network.answers import (
    agrees,
    demand,
    stored_text,
    undoes_nothing,
    writes_meanwhile,
)
from pmcp_conformance.network.cases import (
    Case,
    both_ways,
    cases,
    for_good,
    just_once,
    run_cases,
    struck_cases,
)
from pmcp_conformance.network.connections import Route, at_once, stored
from pmcp_conformance.network.faults import Fault, lasting
from pmcp_conformance.network.operations import (
    CREATE,
    OWN_STALE,
    PUT,
    PUT_NEW,
    STALE,
    SWAP,
    WRITES,
    Write,
    overwritten_reads,
    reads,
    refusal_of,
    same_error,
)

_AWAY = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Seconds for which the storage is away: about as long as clients wait for a second attempt."""

_ABSENCES = 8
"""Absences of the storage that a stale write meets, the first one of 0.01 seconds."""

_CLIENTS, _OPERATIONS = 4, 20

_MIXTURE = {
    Fault.PASS: 59,
    Fault.DELAY: 10,
    Fault.CUT_REQUEST: 8,
    Fault.LOSE_ANSWER: 14,
    Fault.CUT_ANSWER: 4,
    Fault.GARBLE: 4,
    Fault.WITHHOLD: 1,
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
    client = Client(history, trial.watched(route.handle().untraced), trial)
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
    strikes = both_ways(Fault.CUT_REQUEST)
    for case in struck_cases(trial, OWN_STALE, *strikes):
        agrees(trial, case)
    for case in struck_cases(trial, makers, *strikes, meanwhile=meanwhile):
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
    holds = attempt.failed or attempt.unknown or same_error(attempt.error, refusal)
    told = f"raises {type(refusal).__name__} or a BackendError, for the equal record is another's"
    whose = "the other's" if found == theirs else stored_text(write, found)
    demand(case, holds and found == theirs, told, f"; the storage holds {whose}")


@rule("FLT-10", doors=("address",))
def errors_while_reading(trial: Trial) -> None:
    """An error while reading is an error: never an absent record, an empty or a shortened
    listing.
    """
    quick = (Fault.REFUSE, Fault.CUT_REQUEST, Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.GARBLE)
    again = [
        Case(read, fault, at=1, of=1, lasts=True)
        for fault in (Fault.SWALLOW, Fault.REFUSE, Fault.LOSE_ANSWER, Fault.GARBLE)
        for read in overwritten_reads(trial)
    ]
    waiting = (*for_good(Fault.SWALLOW), *just_once(Fault.WITHHOLD, Fault.STALL))
    # More records than iter_by_owner asks for at a time, and more bytes than some storages send.
    many = cases(trial, reads(trial, 101), *waiting, *both_ways(*quick))
    large = reads(trial, 4, trial.target.max_record_bytes)
    long = cases(trial, large, *for_good(Fault.REFUSE, Fault.GARBLE))
    for case in run_cases(trial, again + many + long):
        agrees(trial, case)


@rule("FLT-11", doors=("address",))
def servers_that_never_answer(trial: Trial) -> None:
    """A server that accepts and never answers ends in BackendError within answer_within."""
    swallowed = both_ways(Fault.SWALLOW)
    # A write that was carried out and not answered either: its outcome is unknown.
    writes = cases(trial, WRITES, *swallowed, *for_good(Fault.WITHHOLD))
    for case in run_cases(trial, writes + cases(trial, reads(trial, 1), *swallowed)):
        agrees(trial, case)


@rule("FLT-12", doors=("address",))
def writes_that_may_have_been_applied(trial: Trial) -> None:
    """A write that fails and may have been applied raises OutcomeUnknownError; every other error
    means that nothing was written.
    """
    strikes = for_good(Fault.LOSE_ANSWER, Fault.VANISH)
    for case in struck_cases(trial, WRITES, *strikes):
        agrees(trial, case)
    at_once([partial(returns_to_vanish, trial, maker(trial), s) for s in _AWAY for maker in WRITES])


def returns_to_vanish(trial: Trial, write: Write, away: float) -> None:
    """A first attempt finds the storage away, the next one is carried out and loses its answer, and
    those after it find the storage away again."""
    case = Case(write, Fault.VANISH, at=1, of=1, lasts=True)

    def comes_back() -> None:
        time.sleep(away)
        route.trace.lines.append("# the storage is back")
        route.proxy.mend()
        route.proxy.play(lasting(Fault.VANISH, 1))

    with Route(trial) as route:
        case.trace = route.trace
        cut_off(route, write)
        case.attempt = route.call(write.run, meanwhile=comes_back)
        agrees(trial, case)


@rule("FLT-13", doors=("address",))
def writes_that_cannot_have_been_applied(trial: Trial) -> None:
    """A write that cannot have been applied (connection refused) is not called unknown: a conflict
    after it is a plain conflict.
    """
    jobs = [partial(fails_plainly, trial, maker(trial)) for maker in WRITES]
    jobs += [partial(conflict_plainly, trial, maker) for maker in STALE]
    at_once(jobs)


def cut_off(route: Route, write: Write) -> None:
    """From now on connections are refused, and the handle has none left: a read has failed."""
    route.handle()
    route.proxy.refuse()
    route.trace.lines.append("# from now on all connections are refused")
    route.call(lambda handle: handle.get(*write.key))


def fails_plainly(trial: Trial, write: Write) -> None:
    """While connections are refused, the write fails for certain: it is not done later."""
    with Route(trial) as route:
        cut_off(route, write)
        attempt = route.call(write.run)
        # What was put off would now be sent.
        route.mend()
        route.settled(lambda handle: handle.get(*write.key))
        route.settled(write.following)
        found = stored(trial, write.key)
        if not attempt.failed or found != write.former:
            told = f"{write.name}, all connections refused: a BackendError that is not "
            told += "OutcomeUnknownError, having written nothing, then or later"
            observed = f"it {attempt}; the storage holds {stored_text(write, found)}"
            raise Violation(told, observed, route.trace.shown())


def conflict_plainly(trial: Trial, maker: Callable[[Trial], Write]) -> None:
    """A stale write meets storage that comes back about when the client makes its last attempt:
    sooner after a write that failed, later after one that did not."""
    away = 0.01
    for _ in range(_ABSENCES):
        away *= 0.5 if fails_or_conflicts(trial, maker(trial), away) else 1.6


def fails_or_conflicts(trial: Trial, write: Write, away: float) -> bool:
    """Whether the stale write fails where the storage comes back after so many seconds; otherwise
    it is refused as without faults."""

    def comes_back() -> None:
        time.sleep(away)
        route.trace.lines.append("# the storage is back")
        route.proxy.mend()

    with Route(trial) as route:
        cut_off(route, write)
        attempt = route.call(write.run, meanwhile=comes_back)
        assert write.refusal is not None
        if not attempt.failed and not same_error(attempt.error, write.refusal):
            told = f"{write.name}, connections refused for {away:.4f} s: "
            told += (
                f"{type(write.refusal).__name__} or a BackendError that is not OutcomeUnknownError"
            )
            raise Violation(told, f"it {attempt}", route.trace.shown())
        return attempt.failed
