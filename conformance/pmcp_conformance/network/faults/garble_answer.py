"""Bytes that no protocol knows come instead of the answer."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault


def _garble(connection: Connection, answer: bytes) -> None:
    random = connection.random
    # No text, but the end of a line of one, so that those who read lines do not wait for it.
    garbage = bytes(random.choices(range(0x80, 0x100), k=random.randrange(16, 200)))
    connection.send_to_client(garbage + b"\r\n\r\n")
    connection.close()


GARBLE_ANSWER = Fault(
    "the answer is replaced by bytes that are not the protocol", on_answer=_garble
)
