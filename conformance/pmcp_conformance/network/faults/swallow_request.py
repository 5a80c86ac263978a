"""The request vanishes, as behind a firewall that drops packets."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _swallow(connection: Connection, request: bytes) -> None:
    connection.ignores_client = True


SWALLOW_REQUEST = Fault(
    "the request is swallowed and never answered", on_request=_swallow, client_waits=True
)
