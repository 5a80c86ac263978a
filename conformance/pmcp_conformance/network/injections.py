"""Injections: an operation with a fault at one of its exchanges, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.recording import RecordedBackend, Recording
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faulty_connection import (
    FaultyConnection,
    NoAnswer,
    run_concurrently,
)
from pmcp_conformance.network.interference import Interfere, Interference
from pmcp_conformance.network.schedules import Schedule, always, at_exchange
from pmcp_conformance.network.tested_operations import (
    Maker,
    Read,
    ReadOrWrite,
    Write,
    same_error,
)
from pmcp_storage import StorageError

_TRIES = 3
"""Runs of an operation without faults, of which one succeeds: where a machine has more to do than
it can, an answer may come too late."""

_PATIENCE = 12
"""Exchanges after which few clients still repeat a request."""


class FaultSpec(NamedTuple):
    """A fault, and whether it is persistent: at an exchange and all later ones, or at one only."""

    fault: Fault
    persistent: bool
    exchanges: int | None = None
    """How many exchanges a persistent fault lasts; None: for ever."""

    def schedule(self, exchange: int) -> Schedule:
        """The schedule that injects it into the exchange of this number."""
        if self.persistent:
            return always(self.fault, exchange, self.exchanges)
        return at_exchange(self.fault, exchange)


def persistent(*faults: Fault) -> tuple[FaultSpec, ...]:
    """Each of the faults, at an exchange and all later ones."""
    return tuple(FaultSpec(fault, True) for fault in faults)


def lasting(*faults: Fault) -> tuple[FaultSpec, ...]:
    """Each of the faults, at an exchange and as many later ones as most clients have patience for.

    Some repeat for many seconds what the server asks them to repeat, which is right and slow.
    """
    return tuple(FaultSpec(fault, True, _PATIENCE) for fault in faults)


def transient(*faults: Fault) -> tuple[FaultSpec, ...]:
    """Each of the faults, at one exchange."""
    return tuple(FaultSpec(fault, False) for fault in faults)


def persistent_and_transient(*faults: Fault) -> tuple[FaultSpec, ...]:
    """Each of the faults in both ways."""
    return persistent(*faults) + transient(*faults)


@dataclass(frozen=True)
class Injection:
    """A fault to be injected into an exchange of an operation that takes `exchanges` of them."""

    operation: ReadOrWrite
    spec: FaultSpec
    exchange: int = 1
    exchanges: int = 1
    interfere: Interfere | None = None
    """What another client does when the fault is injected; for writes only."""
    maker: Maker | None = None
    """What has made the operation, and makes another where it has to be tried again."""

    @property
    def fault(self) -> Fault:
        return self.spec.fault

    @property
    def write(self) -> Write:
        """The operation, where it is known to be a write."""
        assert isinstance(self.operation, Write)
        return self.operation

    def made_anew(self, trial: Trial) -> Injection:
        """The same of another operation; it must have a maker."""
        assert self.maker is not None
        return replace(self, operation=self.maker(trial))

    def __str__(self) -> str:
        exchange = f"exchange {self.exchange} of {self.exchanges}"
        where = f"from {exchange} on" if self.spec.persistent else exchange
        return f"{self.operation.name} ({where}: {self.fault.description})"


@dataclass(frozen=True)
class Observation:
    """What came of an injection."""

    injection: Injection
    attempt: Attempt
    """What the operation came to."""
    recording: Recording
    probe_attempt: Attempt | None = None
    """What the operation's probe came to afterwards, where it was called."""
    interference: Interference | None = None
    """What another client did meanwhile."""
    is_telling: bool = True
    """Whether the fault was injected and everything else was as it is without faults."""


def inject_everywhere(
    trial: Trial,
    makers: Sequence[Maker],
    *faults: FaultSpec,
    interfere: Interfere | None = None,
) -> list[Observation]:
    """Run every operation with every fault at each of its exchanges; what came of each."""
    return run_injections(trial, plan_injections(trial, makers, *faults, interfere=interfere))


def plan_injections(
    trial: Trial,
    makers: Sequence[Maker],
    *faults: FaultSpec,
    interfere: Interfere | None = None,
) -> list[Injection]:
    """Every operation with every fault at each of its exchanges, to be run."""
    counts = run_concurrently([partial(_count_exchanges, trial, maker) for maker in makers])
    return [
        Injection(maker(trial), spec, exchange, count, interfere, maker)
        for spec in faults
        for maker, count in zip(makers, counts, strict=True)
        for exchange in range(1, count + 1)
    ]


def run_injections(trial: Trial, injections: Sequence[Injection]) -> list[Observation]:
    """Run the injections, many concurrently, those that take longest first; what came of each.

    Where most of them have told nothing, the rule cannot pass.
    """
    ordered = sorted(
        injections,
        key=lambda injection: (
            not injection.fault.client_waits,
            not injection.spec.persistent,
        ),
    )
    found = run_concurrently([partial(_run, trial, injection) for injection in ordered])
    observations = [observation for observation in found if observation is not None]
    telling = sum(observation.is_telling for observation in observations)
    if 2 * telling < len(injections):
        trial.shortfalls.append(
            f"only {telling} of {len(injections)} faults met an operation that the storage would "
            "have answered in time without them: run it again when this machine has less to do"
        )
    return observations


def _count_exchanges(trial: Trial, maker: Maker) -> int:
    """How many exchanges an operation takes through a fresh handle without any fault."""
    for _ in range(_TRIES):
        operation = maker(trial)
        with FaultyConnection(trial) as connection:
            connection.prepare(operation)
            attempt = connection.call(operation.run)
            refusal = operation.refusal if isinstance(operation, Write) else None
            if same_error(attempt.error, refusal):
                # Not even one, where a client claims success before its request is on the way.
                return max(1, connection.proxy.exchanges.count)
        if not _may_come_of_slowness(attempt):
            observed = f"{operation.name} through a proxy without faults: it {attempt}"
            raise Violation("an operation that works at the address of open_at", observed)
    raise Inconclusive(
        f"no answer through a proxy without faults: {operation.name} {attempt}: see that a handle "
        "of open_at reaches the server at address(), run it on a machine that is less busy, or "
        "give that handle longer timeouts and the target a larger answer_within"
    )


def _may_come_of_slowness(attempt: Attempt) -> bool:
    return attempt.failed or attempt.unknown or isinstance(attempt.error, NoAnswer)


def _run(trial: Trial, injection: Injection) -> Observation | None:
    """What comes of an injection, tried again where something else was in its way."""
    observation = _run_once(trial, injection)
    for _ in range(_TRIES - 1 if injection.maker else 0):
        if observation is not None and observation.is_telling:
            break
        injection = injection.made_anew(trial)
        observation = _run_once(trial, injection)
    return observation


def _run_once(trial: Trial, injection: Injection) -> Observation | None:
    """The same; None if what is to be done before the fault has failed by itself."""
    operation = injection.operation
    with FaultyConnection(trial) as connection:
        other_client = RecordedBackend(
            trial.backend.unrecorded, connection.recording, "other_client"
        )
        if not connection.prepare(operation):
            return None
        if isinstance(operation, Read) and operation.overwrite is not None:
            operation.overwrite(other_client)
        connection.proxy.inject(
            injection.spec.schedule(injection.exchange),
            partial(_interfere, trial, injection, connection, other_client),
        )
        attempt = connection.call(operation.run)
        is_telling = _was_injected_alone(connection, attempt)
        connection.deliver_late_requests()
        interference = _interference(connection)
        probe_attempt = _call_probe(connection, injection, attempt)
    return Observation(
        injection, attempt, connection.recording, probe_attempt, interference, is_telling
    )


def _was_injected_alone(connection: FaultyConnection, attempt: Attempt) -> bool:
    """Whether a fault was injected, and the operation did not fail for want of another answer."""
    connection.proxy.synchronize()
    exchanges = connection.proxy.exchanges
    failed = attempt.failed or attempt.unknown
    return bool(exchanges.injected) and not (failed and exchanges.abandoned)


def _interfere(
    trial: Trial,
    injection: Injection,
    connection: FaultyConnection,
    other_client: RecordedBackend,
) -> Interference | None:
    number = connection.proxy.exchanges.injected[0]
    connection.note(f"exchange {number}: {injection.fault.description}")
    if injection.interfere is None:
        return None
    return injection.interfere(trial, injection.write, other_client)


def _interference(connection: FaultyConnection) -> Interference | None:
    hook_attempt = connection.proxy.exchanges.hook_attempt
    if hook_attempt is None:
        return None
    if isinstance(hook_attempt.error, StorageError):
        return None  # as when it has waited in vain for a lock of the write
    interference: Interference | None = hook_attempt.unwrap()
    return interference


def _call_probe(
    connection: FaultyConnection, injection: Injection, attempt: Attempt
) -> Attempt | None:
    """A late answer, or a write put off, comes to light when the handle is used again."""
    operation = injection.operation
    if operation.probe is None or isinstance(attempt.error, NoAnswer):
        return None
    may_be_put_off = isinstance(operation, Write) and attempt.failed
    if not may_be_put_off and not injection.fault.answer_outlives_call:
        return None
    connection.mend()
    return connection.call_until_answered(operation.probe.run)
