"""The exchanges on all connections of a proxy: counted, and some of them with a fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.gathering import Gathering
from pmcp_conformance.network.schedules import Schedule, no_faults

PROMPT = 0.1
"""Seconds within which no client gives up waiting for an answer."""


class Exchange(NamedTuple):
    """A request and its answer."""

    number: int
    fault: Fault | None
    random: Random
    """What is random in it."""
    begun: float
    """When, by `time.monotonic`."""


class Exchanges:
    """Counts the exchanges, and lets a schedule decide which fault is injected into which.

    `seed` decides what is random in faults. Everything but the attributes that say what has
    happened is for the thread of the proxy only.
    """

    def __init__(self, seed: int) -> None:
        self.count = 0
        """The exchanges that have begun since the schedule was set."""
        self.injected: list[int] = []
        """The numbers of those into which a fault has been injected."""
        self.hook_attempt: Attempt | None = None
        """What the hook came to, if it has been called."""
        self.abandoned = 0
        """How many clients left before an answer that was on its way to them."""
        self.gathering: Gathering | None = None
        """What keeps requests back, or has done so last."""
        self._unanswered: dict[int, Exchange] = {}
        self._late = False
        self._seed = seed
        self._schedule: Schedule = no_faults
        self._hook: Callable[[], object] | None = None

    def inject(self, schedule: Schedule, hook: Callable[[], object] | None = None) -> None:
        """Count anew, by another schedule."""
        self.count = 0
        self.injected = []
        self.abandoned = 0
        self._unanswered = {}
        self._late = False
        self.hook_attempt = None
        self._schedule = schedule
        self._hook = hook

    def begin(self) -> Exchange:
        """Count one more exchange."""
        self.count += 1
        random = Random(f"{self._seed} {self.count}")
        exchange = Exchange(self.count, self._schedule(self.count), random, time.monotonic())
        self._unanswered[self.count] = exchange
        return exchange

    def note_answer(self, exchange: Exchange) -> None:
        """Note that the server has answered, or begun to."""
        self._late |= time.monotonic() - exchange.begun > PROMPT
        self._unanswered.pop(exchange.number, None)

    def note_departure(self, exchange: Exchange) -> None:
        """Note that the client has left before the answer."""
        fault = exchange.fault
        self.abandoned += fault is None or not (fault.client_waits or fault.answer_outlives_call)

    @property
    def were_prompt(self) -> bool:
        """Whether all were answered, and each so soon that its client was still waiting."""
        return not self._unanswered and not self._late

    def note_injection(self, exchange: Exchange) -> None:
        """Note that the fault is about to be injected, and call the hook the first time."""
        self.injected.append(exchange.number)
        if self._hook is not None:
            hook, self._hook = self._hook, None
            self.hook_attempt = Attempt.of(hook)
