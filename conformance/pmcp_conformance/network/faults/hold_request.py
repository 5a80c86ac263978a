"""The request is on its way for longer than its client waits for it."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _hold(connection: Connection, request: bytes) -> None:
    connection.late_request = request


HOLD_REQUEST = Fault(
    "the request is held back until the call has ended, and then delivered",
    on_request=_hold,
    client_waits=True,
)
