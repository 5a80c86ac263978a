"""The server carries the request out and goes down before it answers."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _crash(connection: Connection, answer: bytes) -> None:
    connection.take_server_down()


CRASH_BEFORE_ANSWER = Fault(
    "the request is carried out, its answer lost, and the server goes down", on_answer=_crash
)
