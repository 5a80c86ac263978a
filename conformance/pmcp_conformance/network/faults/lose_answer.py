"""The server carries the request out, and the connection ends instead of an answer."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _lose(connection: Connection, answer: bytes) -> None:
    connection.close()


LOSE_ANSWER = Fault("the request is carried out and its answer lost", on_answer=_lose)
