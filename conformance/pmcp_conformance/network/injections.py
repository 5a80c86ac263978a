"""An operation under a fault at each of its exchanges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.recording import RecordedBackend, Recording
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network import faults
from pmcp_conformance.network.faults import Fault, Script
from pmcp_conformance.network.faulty_connection import FaultyConnection, NoAnswer, run_concurrently
from pmcp_conformance.network.operations import (
    Maker,
    Operation,
    Read,
    Write,
    same_error,
)
from pmcp_storage import VersionedRecord

_TRIES = 3
"""Runs of an operation without faults, of which one succeeds: where a machine has more to do than
it can, an answer may come too late."""


class Strike(NamedTuple):
    """A fault that strikes an exchange, and all later ones or not."""

    fault: Fault
    lasts: bool


def persistent(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, at an exchange and all later ones."""
    return tuple(Strike(fault, True) for fault in faults)


def transient(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, at one exchange."""
    return tuple(Strike(fault, False) for fault in faults)


def persistent_and_transient(*faults: Fault) -> tuple[Strike, ...]:
    """Each of the faults, for good and once."""
    return persistent(*faults) + transient(*faults)


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
    trace: Recording = field(init=False)
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
        with FaultyConnection(trial) as connection:
            self.recording = connection.recording
            if isinstance(self.operation, Read) and self.operation.overwrite is not None:
                connection.call(self.operation.run)
                self.operation.overwrite(another(trial, self))
            connection.begin(self.operation)
            connection.proxy.play(self._script(), partial(self._strike, connection))
            self.attempt = connection.call(self.operation.run)
            if connection.proxy.hook_error is not None:
                raise connection.proxy.hook_error
            self._go_on(connection)

    def _script(self) -> Script:
        return (faults.lasting if self.lasts else faults.once)(self.fault, self.at)

    def _go_on(self, connection: FaultyConnection) -> None:
        """A late answer, or a write put off, comes to light when the handle is used again."""
        following, ended = self.operation.following, not isinstance(self.attempt.error, NoAnswer)
        put_off = isinstance(self.operation, Write) and self.attempt.failed
        is_late = self.fault in (Fault.WITHHOLD, Fault.MUDDLE)
        if following is not None and ended and (put_off or is_late):
            connection.mend()
            self.afterwards = connection.settled(following)

    def _strike(self, connection: FaultyConnection) -> None:
        exchange = connection.proxy.struck[0]
        connection.recording.lines.append(f"# exchange {exchange}: {self.fault}")
        if self.meanwhile is not None:
            self.meanwhile(self)


def exchanges(trial: Trial, maker: Maker) -> int:
    """How many exchanges an operation takes through a fresh handle where nothing is amiss."""
    for _ in range(_TRIES):
        operation = maker(trial)
        with FaultyConnection(trial) as connection:
            connection.begin(operation)
            attempt = connection.call(operation.run)
            refusal = operation.refusal if isinstance(operation, Write) else None
            if same_error(attempt.error, refusal):
                # Not even one, where a client claims success before its request is on the way.
                return max(1, connection.proxy.exchanges)
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
    counts = run_concurrently([partial(exchanges, trial, maker) for maker in makers])
    return [
        Case(maker(trial), strike.fault, at, count, strike.lasts, meanwhile)
        for strike in strikes
        for maker, count in zip(makers, counts, strict=True)
        for at in range(1, count + 1)
    ]


def run_cases(trial: Trial, cases: Sequence[Case]) -> list[Case]:
    """Run the cases, many at the same time, and return them; what takes longest comes first."""
    ordered = sorted(cases, key=lambda case: (case.fault not in faults.WAITING, not case.lasts))
    run_concurrently([partial(case.run, trial) for case in ordered])
    return ordered


def another(trial: Trial, case: Case) -> RecordedBackend:
    """A handle of somebody else's, which no fault touches, noted in the case's story."""
    return RecordedBackend(trial.backend.unrecorded, case.recording, "another")
