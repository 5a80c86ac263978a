"""An event loop in a thread of its own: sockets that become readable, timers, and calls of others.

It is not asyncio's: what the fault proxy calls may use a backend that runs a loop of asyncio, which
refuses to run within another.
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

_PATIENCE = 30.0
"""Seconds that a caller waits for the loop before it gives up."""


class EventLoop:
    """Calls handlers one at a time, in its own thread, from `start` to `stop`."""

    def __init__(self, name: str) -> None:
        self.running = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._calls: SimpleQueue[tuple[Future[None], Callable[[], None]]] = SimpleQueue()
        self._wake_up_sender, self._wake_up_receiver = socket.socketpair()
        self.watch(self._wake_up_receiver, partial(self._wake_up_receiver.recv, 1))

    def start(self) -> None:
        """Begin to call handlers."""
        self.running = True
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the sockets that it watched stay open. The second time does nothing."""
        if self.running:
            self.call(self._end)
            self._thread.join(_PATIENCE)
            self._selector.close()
            self._wake_up_sender.close()
            self._wake_up_receiver.close()

    def call(self, function: Callable[[], None]) -> None:
        """Call a function in the thread of the loop, and wait for its end; raises what it raises.

        Within that thread it is called at once. Raises TimeoutError if the loop is busy for 30 s.
        """
        if threading.current_thread() is self._thread:
            function()
            return
        done: Future[None] = Future()
        self._calls.put((done, function))
        self._wake_up_sender.send(b"!")
        done.result(_PATIENCE)

    def call_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function after this many seconds. Only for the thread of the loop."""
        self._timers.append((time.monotonic() + seconds, function))

    def watch(self, watched: socket.socket, handler: Callable[[], object]) -> None:
        """Call the handler whenever there is something to read or to accept."""
        self._selector.register(watched, selectors.EVENT_READ, handler)

    def watch_writable(self, watched: socket.socket, handler: Callable[[], object]) -> None:
        """Call the handler as soon as there is room to write, or a connection is made or fails."""
        self._selector.register(watched, selectors.EVENT_WRITE, handler)

    def unwatch(self, watched: socket.socket) -> None:
        """Call no handler any more for this socket, if one is called at all."""
        with suppress(KeyError):
            self._selector.unregister(watched)

    def _end(self) -> None:
        self.running = False

    def _run(self) -> None:
        while self.running:
            for key, _ in self._selector.select(self._until_next_timer()):
                key.data()
            self._run_timers()
            self._run_calls()

    def _until_next_timer(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, min(when for when, _ in self._timers) - time.monotonic())

    def _run_timers(self) -> None:
        now = time.monotonic()
        due = [function for when, function in self._timers if when <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for function in due:
            function()

    def _run_calls(self) -> None:
        while not self._calls.empty():
            done, function = self._calls.get()
            try:
                done.set_result(function())
            except BaseException as error:
                done.set_exception(error)
