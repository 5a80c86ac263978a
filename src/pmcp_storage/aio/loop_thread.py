"""An event loop in a background thread, for threads that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, ParamSpec, TypeVar

from pmcp_storage.errors import BackendError

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, which the first call starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: set[Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self._ended = False

    def run(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run the coroutine function on the loop, and wait for what it returns.

        Raises what it raises, and BackendError after `end_with` or in a forked process.
        """
        with self._lock:
            if self._ended:
                raise BackendError("this backend is closed: open another handle")
            future = self._submit(function, *args, **kwargs)
        return _outcome(future)

    def end_with(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let the calls under way finish, run `function` as the last one, end the thread."""
        with self._lock:
            self._ended = True
            under_way = set(self._under_way)
        wait(under_way)
        try:
            _outcome(self._submit(function))
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._started().join()

    def _submit(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        if not self._started().is_alive():
            raise BackendError(
                "the event loop of this backend runs in the process that forked this one: "
                "open another handle after the fork"
            )
        future = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _started(self) -> threading.Thread:
        if self._thread is None:
            self._loop = asyncio.new_event_loop()
            self._stop = asyncio.Event()
            self._thread = threading.Thread(target=self._serve, name="pmcp-storage", daemon=True)
            self._thread.start()
        return self._thread

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._stop.wait())


def _outcome(future: Future[T]) -> T:
    try:
        return future.result()
    except BaseException:
        # Also where the waiting was interrupted: nobody is left to take the outcome.
        future.cancel()
        raise
