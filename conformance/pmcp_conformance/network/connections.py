"""Calls on a spoilt way: each through a handle and a proxy of its own, and what it came to.

A call under a fault runs in a thread of its own, so that one that never ends is noticed, and many
run at once, because most of their time is waiting. Writes get a key of their own each. What the
storage then holds is read by the rule's own handle, which no fault touches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Self, TypeVar

from pmcp_conformance.engine.recording import Trace, TracedBackend
from pmcp_conformance.engine.target_run import close_quietly
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.engine.watchdog import started
from pmcp_conformance.history.recorder import Attempt
from pmcp_conformance.network import faults
from pmcp_conformance.network.faults import Fault, Script
from pmcp_conformance.network.operations import Call, Maker, Operation, Read, Write, same_error
from pmcp_conformance.network.proxy import Proxy
from pmcp_storage import BackendError, NotFoundError, VersionedRecord

AT_ONCE = 24
"""The calls that run at the same time. Each holds some ten files, and some systems allow 256."""

_GRACE = 5.0
"""Seconds for a call to end after its connections have been closed."""

_PAUSE = 0.02
"""Seconds between two looks whether a handle works again."""

_TRIES = 3
"""Runs of an operation without faults, of which one succeeds: where a machine has more to do than
it can, an answer may come too late."""

T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818 - a finding
    """A call did not end within the target's `answer_within`."""


class Route:
    """A handle that reaches the storage through a proxy of its own; `trace` is its story."""

    def __init__(self, trial: Trial) -> None:
        self.trace = Trace(trial.watch, owners=trial.trace.owners)
        self.proxy = Proxy(trial.target.address(), trial.seed_number)
        self._target = trial.target
        self._handle: TracedBackend | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The proxy first: that ends the calls that wait for an answer.
        self.proxy.close()
        for thread in self._threads:
            thread.join(_GRACE)
        if self._handle is not None:
            close_quietly(self._handle.untraced)

    def handle(self) -> TracedBackend:
        """The handle, opened when it is first asked for."""
        if self._handle is None:
            handle = self._target.handle("open_at", *self.proxy.address)
            self._handle = TracedBackend(handle, self.trace, "handle")
        return self._handle

    def call(self, operation: Call, meanwhile: Callable[[], object] = lambda: None) -> Attempt:
        """What an operation comes to within the time that the target declares.

        `meanwhile` is called while it runs. An error of opening the handle is the operation's.
        """
        attempts: list[Attempt] = []
        thread = started(partial(self._run, operation, attempts))
        self._threads.append(thread)
        meanwhile()
        thread.join(self._target.answer_within)
        if attempts:
            return attempts[0]
        within = f"no answer within {self._target.answer_within:g} s"
        self.trace.lines.append(f"# {within}")
        return Attempt(error=NoAnswer(within))

    def begin(self, operation: Operation) -> None:
        """Do what the handle is to have done before the operation; exchanges count from then on."""
        if isinstance(operation, Write) and operation.before is not None:
            self.call(operation.before)
            self.proxy.play(faults.passes)

    def mend(self) -> None:
        """Let everything pass again, and wait for the calls that are still under way."""
        self.trace.lines.append("# the storage is back")
        self.proxy.mend()
        deadline = time.monotonic() + self._target.answer_within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def settled(self, operation: Call) -> Attempt:
        """What an operation comes to as soon as it is answered; some handles need a moment.

        A BackendError, if it is not within the time that the target declares.
        """
        deadline = time.monotonic() + self._target.answer_within
        while True:
            attempt = self.call(operation)
            late = time.monotonic() > deadline
            if late or not isinstance(attempt.error, BackendError):
                return attempt
            time.sleep(_PAUSE)

    def _run(self, operation: Call, attempts: list[Attempt]) -> None:
        try:
            attempts.append(Attempt(operation(self.handle())))
        except Exception as error:
            attempts.append(Attempt(error=error))


class Strike(NamedTuple):
    """A fault that strikes an exchange, and all later ones or not."""

    fault: Fault
    lasts: bool


def for_good(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, at an exchange and all later ones."""
    return tuple(Strike(fault, True) for fault in faults)


def just_once(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, at one exchange."""
    return tuple(Strike(fault, False) for fault in faults)


def both_ways(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, for good and once."""
    return for_good(*faults) + just_once(*faults)


@dataclass
class Case:
    """One operation whose exchange `at` of `of` is struck; what it came to, and why."""

    operation: Operation
    fault: Fault
    at: int
    of: int
    lasts: bool
    meanwhile: Callable[[Case], object] | None = None
    """What somebody else does when the fault strikes."""
    attempt: Attempt = field(default_factory=Attempt)
    afterwards: Attempt | None = None
    """What a further call came to, through the same handle and with the way mended."""
    trace: Trace = field(init=False)
    interfered: VersionedRecord | None = None
    """What somebody else has written meanwhile."""
    applied_before: bool = False
    """Whether that was after this operation had been applied."""

    def __str__(self) -> str:
        exchange = f"exchange {self.at} of {self.of}"
        where = f"from {exchange} on" if self.lasts else exchange
        return f"{self.operation.name} ({where}: {self.fault})"

    def run(self, trial: Trial) -> None:
        """Carry the operation out under the fault, and use the handle again if that may tell."""
        with Route(trial) as route:
            self.trace = route.trace
            if isinstance(self.operation, Read) and self.operation.overwrite is not None:
                route.call(self.operation.run)
                self.operation.overwrite(another(trial, self))
            route.begin(self.operation)
            route.proxy.play(self._script(), partial(self._strike, route))
            self.attempt = route.call(self.operation.run)
            if route.proxy.hook_error is not None:
                raise route.proxy.hook_error
            self._go_on(route)

    def _script(self) -> Script:
        return (faults.lasting if self.lasts else faults.once)(self.fault, self.at)

    def _go_on(self, route: Route) -> None:
        """A late answer, or a write put off, comes to light when the handle is used again."""
        following, ended = self.operation.following, not isinstance(self.attempt.error, NoAnswer)
        put_off = isinstance(self.operation, Write) and self.attempt.failed
        is_late = self.fault in (Fault.WITHHOLD, Fault.MUDDLE)
        if following is not None and ended and (put_off or is_late):
            route.mend()
            self.afterwards = route.settled(following)

    def _strike(self, route: Route) -> None:
        exchange = route.proxy.struck[0]
        route.trace.lines.append(f"# exchange {exchange}: {self.fault}")
        if self.meanwhile is not None:
            self.meanwhile(self)


def at_once(jobs: Iterable[Callable[[], T]], width: int = AT_ONCE) -> list[T]:
    """Run the jobs in threads, `width` at the same time; their results in the jobs' order."""
    with ThreadPoolExecutor(width) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def exchanges(trial: Trial, maker: Maker) -> int:
    """How many exchanges an operation takes through a fresh handle where nothing is amiss."""
    for _ in range(_TRIES):
        operation = maker(trial)
        with Route(trial) as route:
            route.begin(operation)
            attempt = route.call(operation.run)
            refusal = operation.refusal if isinstance(operation, Write) else None
            if same_error(attempt.error, refusal):
                # Not even one, where a client claims success before its request is on the way.
                return max(1, route.proxy.exchanges)
        if not attempt.failed and not attempt.unknown:
            break
    told = f"{operation.name} through a proxy without faults: it {attempt}"
    raise Violation("an operation that works at the address of open_at", told)


def struck_cases(
    trial: Trial,
    makers: Sequence[Maker],
    *strikes: Strike,
    meanwhile: Callable[[Case], object] | None = None,
) -> list[Case]:
    """Run every operation with every strike at each of its exchanges."""
    return run_cases(trial, cases(trial, makers, *strikes, meanwhile=meanwhile))


def cases(
    trial: Trial,
    makers: Sequence[Maker],
    *strikes: Strike,
    meanwhile: Callable[[Case], object] | None = None,
) -> list[Case]:
    """Every operation with every strike at each of its exchanges, to be run."""
    counts = at_once([partial(exchanges, trial, maker) for maker in makers])
    return [
        Case(maker(trial), strike.fault, at, count, strike.lasts, meanwhile)
        for strike in strikes
        for maker, count in zip(makers, counts, strict=True)
        for at in range(1, count + 1)
    ]


def run_cases(trial: Trial, cases: Sequence[Case]) -> list[Case]:
    """Run the cases, many at the same time, and return them; what takes longest comes first."""
    ordered = sorted(cases, key=lambda case: (case.fault not in faults.WAITING, not case.lasts))
    at_once([partial(case.run, trial) for case in ordered])
    return ordered


def another(trial: Trial, case: Case) -> TracedBackend:
    """A handle of somebody else's, which no fault touches, noted in the case's story."""
    return TracedBackend(trial.backend.untraced, case.trace, "another")


def stored(trial: Trial, key: tuple[str, str]) -> VersionedRecord | None:
    """What a handle finds that no fault touches."""
    try:
        return trial.backend.untraced.get(*key)
    except NotFoundError:
        return None
