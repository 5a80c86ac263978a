"""The connection ends in the middle of the answer."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _cut(connection: Connection, answer: bytes) -> None:
    connection.send_to_client(answer[: len(answer) // 2])
    connection.close()


CUT_ANSWER = Fault("the answer is cut off in the middle", on_answer=_cut)
