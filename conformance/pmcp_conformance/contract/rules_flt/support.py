"""Shared by the rules on network faults."""

from __future__ import annotations

from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.withhold_answer import WITHHOLD_ANSWER
from pmcp_conformance.network.faulty_connection import FaultyConnection, NoAnswer
from pmcp_conformance.network.injections import persistent_and_transient, transient
from pmcp_conformance.network.tested_operations import HandleCall, Write
from pmcp_storage import BackendError

LOST_ANSWERS = (*transient(WITHHOLD_ANSWER), *persistent_and_transient(LOSE_ANSWER))
"""The ways to lose an answer: once by a timeout, which takes long, and by a closed connection."""


def require_works(connection: FaultyConnection, call: HandleCall) -> None:
    """The call succeeds, because no fault is injected.

    Raises Inconclusive if the storage fails all the same.
    """
    attempt = connection.call_until_answered(call)
    if isinstance(attempt.error, BackendError | NoAnswer):
        raise Inconclusive(f"a call through a proxy without faults: it {attempt}")
    if attempt.error is not None:
        expected = "a call without faults that works"
        raise Violation(expected, f"it {attempt}", connection.recording.shown())


def cut_off(connection: FaultyConnection, write: Write) -> None:
    """From now on connections are refused, and the handle has none left: a read has failed by each
    that it had, and one more."""
    connection.handle()
    had = connection.proxy.connections
    connection.proxy.refuse()
    connection.note("from now on all connections are refused")
    for _ in range(had + 1):
        connection.call(lambda handle: handle.get(*write.key))


def answer_time(trial: Trial) -> str:
    """The time within which an operation must be answered, for a report."""
    return f"within {trial.target.answer_within:g} s"
