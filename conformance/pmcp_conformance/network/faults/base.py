"""What a fault is, and what it can do to the connection that it is injected into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol


class Connection(Protocol):
    """A client's connection through the proxy to the server, as faults act on it."""

    ignores_client: bool
    """Set to drop whatever the client sends from now on."""
    ignores_server: bool
    """Set to drop whatever the server sends from now on."""
    withheld_answer: bytes
    """Set to keep an answer back until the client sends its next request."""
    late_request: bytes
    """Set to keep the request, and what the client sends after it, back until the proxy delivers
    it, whether or not the client is still there then."""
    said: bytes
    """What the server has sent last."""
    answer_instead: bytes
    """Set to send this in place of the server's next answer."""
    random: Random
    """What is random in this exchange; the same in each run with the same seed."""

    def send_to_server(self, data: bytes) -> None: ...

    def send_to_client(self, data: bytes) -> None: ...

    def delay_answer(self, answer: bytes, seconds: float) -> None:
        """Send an answer, and whatever the server says after it, with this delay."""

    def hold_request(self, request: bytes, then: Callable[[bytes], None]) -> None:
        """Keep the request back until no more of it comes, and call `then` with all of it."""

    def answer(self, data: bytes) -> None:
        """Answer the request, which the server has not seen."""

    def close(self, *, reset: bool = False) -> None:
        """End the connection: in order, or so that the client's next call fails with a reset."""

    def take_server_down(self) -> None:
        """Reset all connections of the proxy, and refuse new ones."""


Action = Callable[[Connection, bytes], None]
"""Does something to a connection instead of passing on the bytes that have arrived."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault, injected when the request arrives or when its answer does.

    Of the two actions the one that is given decides when. It gets the first bytes that have
    arrived; those that follow are passed on unless it has had them ignored or withheld.
    """

    description: str
    """What happens, as a report shows it after "exchange 1 of 2: "."""
    on_request: Action | None = None
    on_answer: Action | None = None
    client_waits: bool = False
    """Whether a client notices it by its own timeout only."""
    answer_outlives_call: bool = False
    """Whether the answer can still arrive when the call has ended, and be taken for the next."""
