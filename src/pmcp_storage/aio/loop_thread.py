"""An event loop in a background thread, for threads that have none.

An exception may strike a calling thread anywhere, also while it starts or ends the loop: a signal
handler's, a soft time limit's. So everything that must happen happens in the loop's own thread,
which such exceptions do not reach.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from pmcp_storage.errors import BackendError

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, which the first call starts."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._served = threading.Lock()
        self._ready = threading.Event()
        self._process: int | None = None
        self._calls: set[Future[Any]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False
        self._end: Future[None] = Future()

    def run(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run the coroutine function on the loop, and wait for what it returns.

        Raises what it raises, and BackendError after `end_with` or in a forked process.
        """
        call: Future[T] = Future()
        self._calls.add(call)
        try:
            self._start()
            self._soon(self._begin, call, partial(function, *args, **kwargs))
            return call.result()
        except BaseException:
            # Also where the waiting was interrupted: nobody is left to take the outcome.
            call.cancel()
            raise
        finally:
            self._calls.discard(call)

    def end_with(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let the calls under way finish, run `function` as the last one, end the thread.

        In a forked process, where the thread does not exist, it does nothing.
        """
        if self._process in (None, os.getpid()):
            self._start()
            self._last = function
            self._ending = True
            with suppress(BackendError):  # the loop has ended by itself
                self._soon(self._stop.set)
            wait({self._end})
            self._thread.join()
            self._end.result()

    def _start(self) -> None:
        process = os.getpid()
        # Before the lock, which another thread may hold at a fork.
        if self._process not in (None, process):
            raise BackendError(
                "the event loop of this backend runs in the process that forked this one: "
                "open another handle after the fork"
            )
        self._process = process
        if not self._ready.is_set():
            with self._starting:
                if not self._ready.is_set():
                    threading.Thread(target=self._serve, name="pmcp-storage", daemon=True).start()
                    self._ready.wait()

    def _soon(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError as error:
            raise _closed() from error

    def _serve(self) -> None:
        if not self._served.acquire(blocking=False):
            return  # the start of a first thread was interrupted, and it runs all the same
        self._thread = threading.current_thread()
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._stop = asyncio.Event()
                self._ready.set()
                runner.run(self._until_stopped())
        finally:
            _fail(self._end)
            for call in list(self._calls):
                _fail(call)

    async def _until_stopped(self) -> None:
        await self._stop.wait()
        if self._tasks:
            await asyncio.wait(self._tasks)
        last = asyncio.ensure_future(self._last())
        await asyncio.wait({last})
        _pass_on(self._end, last)

    def _begin(self, call: Future[T], function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        if self._ending:
            _fail(call)
        if call.done():
            return
        task = self._loop.create_task(function())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(_pass_on, call))
        call.add_done_callback(partial(self._cancel, task))

    def _cancel(self, task: asyncio.Task[Any], call: Future[Any]) -> None:
        if call.cancelled():
            with suppress(BackendError):
                self._soon(task.cancel)


def _closed() -> BackendError:
    return BackendError("this backend is closed: open another handle")


def _fail(call: Future[Any]) -> None:
    with suppress(InvalidStateError):
        call.set_exception(_closed())


def _pass_on(call: Future[T], task: asyncio.Task[T]) -> None:
    with suppress(InvalidStateError):  # the caller has gone
        if task.cancelled():
            call.cancel()
        elif error := task.exception():
            call.set_exception(error)
        else:
            call.set_result(task.result())
