"""A TCP proxy that injects faults between a handle and its server, one exchange at a time.

The exchanges are counted over all connections, so that a schedule can say which of them a fault is
injected into. What an operation may answer under a fault is the business of the rules.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Self

from pmcp_conformance.network.connection_pair import ConnectionPair
from pmcp_conformance.network.dialling import Dialling
from pmcp_conformance.network.event_loop import EventLoop
from pmcp_conformance.network.exchanges import Exchanges
from pmcp_conformance.network.gathering import Gathering, OverlappingRequests
from pmcp_conformance.network.schedules import Schedule, no_faults
from pmcp_conformance.network.sockets import bound_socket

_HOST = "127.0.0.1"
_BACKLOG = 128


class FaultProxy:
    """A proxy in front of `server` (host, port), listening on `address` until it is closed.

    All sockets belong to the thread of its loop; what others want of it is handed over to that
    thread and has happened when the method returns. `seed` decides what is random in faults, and
    `exchanges` says what has passed.
    """

    def __init__(self, server: tuple[str, int], seed: int = 0) -> None:
        self.exchanges = Exchanges(seed)
        self._pairs: list[ConnectionPair] = []
        # Bound and never listening: it keeps the port ours while connections are refused.
        self._placeholder = bound_socket((_HOST, 0))
        self.address: tuple[str, int] = self._placeholder.getsockname()
        self._listener: socket.socket | None = None
        self._loop = EventLoop("fault proxy")
        self._dialling = Dialling(server, self._loop, self._pair_up)
        self._listen()
        self._loop.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def inject(self, schedule: Schedule, hook: Callable[[], object] | None = None) -> None:
        """Count exchanges anew and let the schedule decide about them.

        `hook` is called, in the proxy's thread, when a fault is injected for the first time: after
        the server has answered or would have been asked, and before the client notices anything.
        What it returns or raises is kept in `exchanges.hook_attempt`.
        """
        self._loop.call(partial(self.exchanges.inject, schedule, hook))

    def gather(self, requests: int, within: float = 0.5) -> None:
        """Keep this many requests back until the last of them has come, and then let them all go on
        at the same instant; or those that have come `within` this many seconds."""
        self._loop.call(partial(self._gather, Gathering(requests), within))

    def overlap(self, requests: int, within: float = 0.5) -> None:
        """The same, but let them go on one after the other, each without its last byte, and then
        the last bytes in the same order.

        A server that begins before it has all of a request has then begun several at once.
        """
        overlap = OverlappingRequests(requests, self._loop.call_later)
        self._loop.call(partial(self._gather, overlap, within))

    @property
    def gathered(self) -> bool:
        """Whether all the requests that were last waited for have come."""
        gathering = self.exchanges.gathering
        return gathering is None or gathering.complete

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(pair.is_open for pair in self._pairs)

    def synchronize(self) -> None:
        """Return when what clients have sent or closed before has been noted in `exchanges`."""
        self._loop.call(lambda: None)

    def was_prompt(self) -> bool:
        """Whether the server took each connection, and answered each request, so soon that the
        client was still waiting."""
        self.synchronize()
        return self._dialling.was_prompt and self.exchanges.were_prompt

    def deliver_late_requests(self) -> None:
        """Let the requests arrive that a fault has kept back."""
        self._loop.call(self._deliver_late_requests)

    @property
    def awaits_late_answers(self) -> bool:
        """Whether the server has yet to answer one of these requests, or to end its connection."""
        return any(pair.awaits_late_answer for pair in self._pairs)

    def refuse(self) -> None:
        """Reset all connections and refuse new ones."""
        self._loop.call(self._refuse)

    def mend(self) -> None:
        """Listen again, on the same port, and let everything pass.

        A connection whose request was swallowed stays dead, as it does in reality.
        """
        self._loop.call(self._mend)

    def close(self) -> None:
        """End all connections and the proxy. The second time does nothing."""
        if self._loop.running:
            self.refuse()
            self._loop.stop()
            self._placeholder.close()

    # From here on everything runs in the thread of the loop.

    def _gather(self, gathering: Gathering, within: float) -> None:
        self.exchanges.gathering = gathering
        self._loop.call_later(within, gathering.release)

    def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.unwatch(self._listener)
            self._listener.close()
            self._listener = None
        self._dialling.abandon()
        for pair in self._pairs:
            pair.close(reset=True)
        self._pairs.clear()

    def _deliver_late_requests(self) -> None:
        for pair in self._pairs:
            pair.deliver_late_request()

    def _mend(self) -> None:
        self.exchanges.inject(no_faults)
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        listener = bound_socket(self.address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        self._loop.watch(listener, self._accept)

    def _accept(self) -> None:
        if self._listener is None:
            return  # refused since the loop saw the client
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # the client has left again
        self._dialling.begin(client)

    def _pair_up(self, client: socket.socket, server: socket.socket) -> None:
        pair = ConnectionPair(client, server, self._loop, self.exchanges, self._refuse)
        self._pairs = [*(pair for pair in self._pairs if pair.is_open), pair]
