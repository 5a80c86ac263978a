"""Shared by the rules on broken networks."""

from __future__ import annotations

from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.cases import (
    both_ways,
    just_once,
)
from pmcp_conformance.network.connections import Route
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.operations import HandleCall, Write

LOST = (*just_once(Fault.WITHHOLD), *both_ways(Fault.LOSE_ANSWER))
"""The ways to lose an answer: once by a timeout, which takes long, and by a closed connection."""


def works(route: Route, call: HandleCall) -> object:
    """The result of a call that nothing disturbs."""
    attempt = route.call(call)
    if attempt.error is not None:
        told = f"it {attempt}"
        raise Violation("a call without faults that works", told, route.recording.shown())
    return attempt.result


def cut_off(route: Route, write: Write) -> None:
    """From now on connections are refused, and the handle has none left: a read has failed."""
    route.handle()
    route.proxy.refuse()
    route.recording.lines.append("# from now on all connections are refused")
    route.call(lambda handle: handle.get(*write.key))
