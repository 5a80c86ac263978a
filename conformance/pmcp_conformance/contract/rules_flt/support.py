"""Shared by the rules on broken networks."""

from __future__ import annotations

from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.faulty_connection import FaultyConnection
from pmcp_conformance.network.injections import (
    persistent_and_transient,
    transient,
)
from pmcp_conformance.network.operations import HandleCall, Write

LOST = (*transient(Fault.WITHHOLD), *persistent_and_transient(Fault.LOSE_ANSWER))
"""The ways to lose an answer: once by a timeout, which takes long, and by a closed connection."""


def works(connection: FaultyConnection, call: HandleCall) -> object:
    """The result of a call that nothing disturbs."""
    attempt = connection.call(call)
    if attempt.error is not None:
        told = f"it {attempt}"
        raise Violation("a call without faults that works", told, connection.recording.shown())
    return attempt.result


def cut_off(connection: FaultyConnection, write: Write) -> None:
    """From now on connections are refused, and the handle has none left: a read has failed."""
    connection.handle()
    connection.proxy.refuse()
    connection.recording.lines.append("# from now on all connections are refused")
    connection.call(lambda handle: handle.get(*write.key))
