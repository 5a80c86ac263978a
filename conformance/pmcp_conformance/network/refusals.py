"""Faults that a target describes: its server refuses a request, having done nothing of it."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.network.faults.base import Connection, Fault
from pmcp_conformance.target import BackendTarget, Refusal


def refusals_of(target: BackendTarget) -> list[Fault]:
    """A fault for each of the target's refusals."""
    return [
        Fault(f"the server refuses: {refusal.reason}", on_request=partial(_refuse, refusal))
        for refusal in target.refusals()
    ]


def _refuse(refusal: Refusal, connection: Connection, request: bytes) -> None:
    connection.hold_request(request, partial(_answer, refusal, connection))


def _answer(refusal: Refusal, connection: Connection, request: bytes) -> None:
    answer = refusal.answer if isinstance(refusal.answer, bytes) else refusal.answer(request)
    instead = refusal.asked_instead(connection.said)
    if instead:
        connection.answer_instead = answer
        connection.send_to_server(instead)
    else:
        connection.answer(answer)
