"""A TCP proxy that spoils the way between a handle and its server, one exchange at a time.

The exchanges are counted over all connections, so that a script can say which of them a fault
strikes. The proxy knows no protocol: any server of requests and answers that speaks TCP without
TLS will do. What an operation must come to under a fault is the business of the rules.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from random import Random
from typing import Self

from pmcp_conformance.network.faults import ERROR_PAGE, Fault, Script, garbage, passes
from pmcp_conformance.network.sockets import bound, close

_DELAY = 0.003
"""Seconds: some round trips on loopback."""

_GATHERING = 0.5
"""Seconds that requests are kept back for others that are to go on with them."""

_STEP = 0.008
"""Seconds between the parts of requests that overlap: a few round trips."""

_PATIENCE = 30.0
"""Seconds that the proxy waits for a socket, or a caller for the proxy, before it gives up."""

_HOST = "127.0.0.1"


class _Link:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.exchange = 0
        self.fault = Fault.PASS
        self.asking = False
        """Whether the client has spoken last."""
        self.withheld = b""
        """What the server has answered and the client shall not get before it speaks again."""
        self.stalled = False
        """Whether the client gets nothing more of what the server says."""


class Proxy:
    """A proxy in front of `server` (host, port), listening on `address` until it is closed.

    All sockets belong to the proxy's own thread; what others want of it is handed over to it and
    has happened when the method returns. `seed` decides what garbled answers consist of.
    """

    def __init__(self, server: tuple[str, int], seed: int = 0) -> None:
        self.exchanges = 0
        """The exchanges begun since the script was set."""
        self.struck: list[int] = []
        """The numbers of those that a fault has struck."""
        self.hook_error: Exception | None = None
        """What the hook raised, if it did."""
        self._server = server
        self._seed = seed
        self._script: Script = passes
        self._hook: Callable[[], object] | None = None
        self._links: set[_Link] = set()
        self._due: list[tuple[float, Callable[[], None]]] = []
        self.gathered = True
        """Whether all the requests that `gather` waited for have come."""
        self._gathering, self._step = 0, 0.0
        self._held: dict[_Link, bytes] = {}
        self._commands: SimpleQueue[tuple[Future[None], Callable[[], None]]] = SimpleQueue()
        self._ended = False
        # Bound and never listening: it keeps the port ours while connections are refused.
        self._holder = bound((_HOST, 0))
        self.address: tuple[str, int] = self._holder.getsockname()
        self._listener: socket.socket | None = None
        self._bell, bell = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell, selectors.EVENT_READ, partial(bell.recv, 1))
        self._own_end_of_bell = bell
        self._listen()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def play(self, script: Script, hook: Callable[[], object] | None = None) -> None:
        """Count exchanges anew and let the script decide about them.

        `hook` is called, in the proxy's thread, when a fault strikes for the first time: after
        the server has answered or would have been asked, and before the client notices anything.
        """
        self._do(partial(self._play, script, hook))

    def gather(self, requests: int) -> None:
        """Keep so many requests back until the last of them is here, and then let them all go on
        at the same instant; or those that have come within half a second."""
        self._do(partial(self._gather, requests))

    def overlap(self, requests: int) -> None:
        """The same, but let them go on one after the other, each without its last byte, and then
        the last bytes in the same order.

        A server that begins before it has all of a request has then begun several at once.
        """
        self._do(partial(self._gather, requests, _STEP))

    def refuse(self) -> None:
        """Reset all connections and refuse new ones."""
        self._do(self._refuse)

    def mend(self) -> None:
        """Listen again, on the same port, and let everything pass.

        A connection whose request was swallowed stays dead, as it does in reality.
        """
        self._do(self._mend)

    def close(self) -> None:
        """End all connections and the proxy. The second time does nothing."""
        if not self._ended:
            self._do(self._end)
            self._thread.join(_PATIENCE)
            self._selector.close()
            for one in (self._holder, self._bell, self._own_end_of_bell):
                one.close()

    def _do(self, command: Callable[[], None]) -> None:
        if threading.current_thread() is self._thread:
            command()  # from within the hook
            return
        done: Future[None] = Future()
        self._commands.put((done, command))
        self._bell.send(b"!")
        done.result(_PATIENCE)

    # From here on everything runs in the proxy's thread.

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(self._until_due()):
                key.data()
            self._send_what_is_due()
            while not self._commands.empty():
                done, command = self._commands.get()
                try:
                    done.set_result(command())
                except BaseException as error:
                    done.set_exception(error)

    def _until_due(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(when for when, _ in self._due) - time.monotonic())

    def _send_what_is_due(self) -> None:
        now = time.monotonic()
        due = [send for when, send in self._due if when <= now]
        self._due = [(when, send) for when, send in self._due if when > now]
        for send in due:
            send()

    def _play(self, script: Script, hook: Callable[[], object] | None) -> None:
        self.exchanges, self.struck, self._script, self._hook = 0, [], script, hook

    def _gather(self, requests: int, step: float = 0.0) -> None:
        self.gathered, self._gathering, self._step = False, requests, step
        self._due.append((time.monotonic() + _GATHERING, self._let_go))

    def _let_go(self) -> None:
        # What this gathering waited for must not end the next one.
        self._due = [(when, act) for when, act in self._due if act != self._let_go]
        self._gathering = 0
        held, at = list(self._held), time.monotonic()
        for number, link in enumerate(held if self._step else []):
            self._due.append((at + number * self._step, partial(self._let_begin, link)))
        for number, link in enumerate(held, len(held)):
            self._due.append((at + number * self._step, partial(self._let_end, link)))
        self._send_what_is_due()

    def _let_begin(self, link: _Link) -> None:
        self._held[link], begin = self._held[link][-1:], self._held[link][:-1]
        self._send(link, link.server, begin)

    def _let_end(self, link: _Link) -> None:
        self._send(link, link.server, self._held.pop(link))

    def _refuse(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        for link in list(self._links):
            self._drop(link, reset=True)

    def _mend(self) -> None:
        self._play(passes, None)
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self._listener = bound(self.address)
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _end(self) -> None:
        self._refuse()
        self._ended = True

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # the client has left again
        try:
            server = socket.create_connection(self._server, timeout=_PATIENCE)
        except OSError:
            close(client, reset=True)
            return
        link = _Link(client, server)
        self._links.add(link)
        for one, handler in ((client, self._client_speaks), (server, self._server_speaks)):
            one.settimeout(_PATIENCE)
            # Small messages leave at once, or a delayed acknowledgement costs 40 ms.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(one, selectors.EVENT_READ, partial(handler, link))

    def _client_speaks(self, link: _Link) -> None:
        data = self._received(link, link.client)
        if data and link.withheld:
            self._send(link, link.client, link.withheld)
            link.withheld = b""
        if data and link in self._held:
            self._held[link] += data  # the rest of a long request
        elif data and link.asking and link.fault is not Fault.SWALLOW:
            self._send(link, link.server, data)
        elif data and not link.asking:
            self._begin_exchange(link, data)

    def _begin_exchange(self, link: _Link, data: bytes) -> None:
        self.exchanges += 1
        link.exchange, link.asking = self.exchanges, True
        link.fault = self._script(link.exchange)
        if link.fault in (Fault.CUT_REQUEST, Fault.SWALLOW, Fault.REFUSE):
            self._strike(link)
        if link.fault is Fault.CUT_REQUEST:
            self._drop(link, reset=True)
        elif link.fault is Fault.REFUSE:
            self._refuse()
        elif self._gathering:
            self._held[link] = data
            self.gathered = len(self._held) == self._gathering
            if self.gathered:
                self._let_go()
        elif link.fault is not Fault.SWALLOW:
            self._send(link, link.server, data)

    def _server_speaks(self, link: _Link) -> None:
        data = self._received(link, link.server)
        first = link.asking
        link.asking = False
        if link.withheld:
            link.withheld += data  # the rest of a long answer
        elif not data or not first or link.fault is Fault.PASS:
            self._send(link, link.client, b"" if link.stalled else data)
        else:
            self._strike(link)
            self._spoil(link, data)

    def _spoil(self, link: _Link, data: bytes) -> None:
        """Do to an answer what the fault does."""
        match link.fault:
            case Fault.WITHHOLD:
                link.withheld = data
            case Fault.STALL:
                link.stalled = True
                self._send(link, link.client, data[: len(data) // 2])
            case Fault.MUDDLE:
                self._send(link, link.client, ERROR_PAGE + data)
            case Fault.DELAY:
                self._selector.unregister(link.server)
                self._due.append((time.monotonic() + _DELAY, partial(self._go_on, link, data)))
            case _:
                self._end_with(link, data)

    def _end_with(self, link: _Link, data: bytes) -> None:
        """Let the connection end, after what the fault leaves of the answer."""
        if link.fault is Fault.CUT_ANSWER:
            self._send(link, link.client, data[: len(data) // 2])
        elif link.fault is Fault.GARBLE:
            self._send(link, link.client, garbage(Random(f"{self._seed} {link.exchange}")))
        elif link.fault is Fault.VANISH:
            self._refuse()
        self._drop(link)

    def _go_on(self, link: _Link, data: bytes) -> None:
        if link in self._links:
            handler = partial(self._server_speaks, link)
            self._selector.register(link.server, selectors.EVENT_READ, handler)
            self._send(link, link.client, data)

    def _strike(self, link: _Link) -> None:
        self.struck.append(link.exchange)
        hook, self._hook = self._hook, None
        try:
            if hook is not None:
                hook()
        except Exception as error:
            self.hook_error = error

    def _received(self, link: _Link, source: socket.socket) -> bytes:
        """What there is to read; nothing, and the link is dropped, where the other side left."""
        if link not in self._links:
            return b""  # dropped since the selector reported it
        try:
            data = source.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._drop(link)
        return data

    def _send(self, link: _Link, target: socket.socket, data: bytes) -> None:
        if link in self._links and data:
            try:
                target.sendall(data)
            except OSError:
                self._drop(link)

    def _drop(self, link: _Link, *, reset: bool = False) -> None:
        if link in self._links:
            self._links.remove(link)
            for one in (link.client, link.server):
                with suppress(KeyError):  # the server's, while an answer is delayed
                    self._selector.unregister(one)
                close(one, reset=reset and one is link.client)
