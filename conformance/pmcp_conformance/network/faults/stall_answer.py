"""The answer stops in the middle, and the connection stays open."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _stall(connection: Connection, answer: bytes) -> None:
    connection.send_to_client(answer[: len(answer) // 2])
    connection.ignores_server = True


STALL_ANSWER = Fault(
    "the answer stops in the middle and never goes on", on_answer=_stall, client_waits=True
)
