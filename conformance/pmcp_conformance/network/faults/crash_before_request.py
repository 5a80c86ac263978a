"""The server goes down before the request has arrived."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _crash(connection: Connection, request: bytes) -> None:
    connection.take_server_down()


CRASH_BEFORE_REQUEST = Fault(
    "the server goes down before the request arrives, and refuses connections", on_request=_crash
)
