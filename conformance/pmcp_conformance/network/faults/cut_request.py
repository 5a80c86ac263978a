"""The connection breaks before the request has arrived."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _reset(connection: Connection, request: bytes) -> None:
    connection.close(reset=True)


CUT_REQUEST = Fault("the connection is reset before the request arrives", on_request=_reset)
