"""The answer comes too late: in front of the answer to the next request on the connection."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _withhold(connection: Connection, answer: bytes) -> None:
    connection.withheld_answer = answer


WITHHOLD_ANSWER = Fault(
    "the request is carried out and its answer withheld until the next request",
    on_answer=_withhold,
    client_waits=True,
    answer_outlives_call=True,
)
