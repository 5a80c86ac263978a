"""The answer takes some round trips longer than it should."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault

_DELAY = 0.003
"""Seconds: some round trips on loopback."""


def _delay(connection: Connection, answer: bytes) -> None:
    connection.delay_answer(answer, _DELAY)


DELAY_ANSWER = Fault("the answer is delayed", on_answer=_delay)
