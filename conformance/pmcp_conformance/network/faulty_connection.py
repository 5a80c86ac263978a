"""Calls over a faulty connection: through a handle and a proxy of their own.

A call under a fault runs in a thread of its own, so that one that never ends is noticed, and many
run concurrently, because most of their time is waiting. What the storage then holds is read by the
rule's own handle, which no fault touches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.recording import RecordedBackend, Recording
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import close_quietly, start_thread
from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.schedules import no_faults
from pmcp_conformance.network.tested_operations import HandleCall, ReadOrWrite
from pmcp_storage import BackendError, CorruptRecordError, NotFoundError, VersionedRecord

_CONCURRENT_CALLS = 40
"""Each call holds some ten files; `file_limit` sees to it that there are 512."""

_GRACE = 5.0
"""Seconds for a call to end after its connections have been closed."""

_PAUSE = 0.02
"""Seconds between two looks whether a handle works again."""

_LOOK = 0.1
"""Seconds between two looks at a limit."""

T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818 - a finding
    """A call did not end within the target's `answer_within`."""


class FaultyConnection:
    """A handle that reaches the storage through a proxy, and the recording of what it did."""

    def __init__(self, trial: Trial) -> None:
        self.recording = Recording(trial.watchdog, owners=trial.recording.owners)
        self.proxy = FaultProxy(trial.target.address(), trial.seed)
        self._target = trial.target
        self._shortfalls = trial.shortfalls
        self._handle: RecordedBackend | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The proxy first: that ends the calls that wait for an answer.
        self.proxy.close()
        for thread in self._threads:
            thread.join(_GRACE)
        if self._handle is not None:
            close_quietly(self._handle.unrecorded)

    def handle(self) -> RecordedBackend:
        """The handle, opened when it is first asked for."""
        if self._handle is None:
            handle = self._target.handle("open_at", *self.proxy.address)
            self._handle = RecordedBackend(handle, self.recording, "handle")
        return self._handle

    def note(self, event: str) -> None:
        """Let a report show this between the operations."""
        self.recording.lines.append(f"# {event}")

    def call(
        self, operation: HandleCall, meanwhile: Callable[[], object] = lambda: None
    ) -> Attempt:
        """What an operation comes to within the time that the target declares.

        `meanwhile` is called while it runs. An error of opening the handle is the operation's. An
        answer that comes later, and might have come in time on an idle machine, is a shortfall.
        """
        attempt: Future[Attempt] = Future()
        thread = start_thread(partial(self._run, operation, attempt))
        self._threads.append(thread)
        meanwhile()
        limit = Limit(self._target.answer_within)
        if limit.wait(partial(_has_ended, thread)):
            if limit.is_exceeded:
                self._shortfalls.append(
                    f"an answer took longer than answer_within, {limit.seconds:g} s, while this "
                    "machine had much else to do: run it again when it has less"
                )
            return attempt.result()
        within = f"no answer within {limit.seconds:g} s"
        self.note(within)
        return Attempt(error=NoAnswer(within))

    def prepare(self, operation: ReadOrWrite) -> bool:
        """Do what the handle is to have done before the operation; exchanges count from then on.

        Returns whether that has worked.
        """
        if operation.before is None:
            return True
        attempt = self.call(operation.before)
        self.proxy.inject(no_faults)
        return not attempt.failed and not attempt.unknown

    def mend(self) -> None:
        """Let everything pass again, and wait for the calls that are still under way."""
        self.note("the storage is back")
        self.proxy.mend()
        limit = Limit(self._target.answer_within)
        for thread in self._threads:
            while thread.is_alive() and not limit.is_over:
                thread.join(_LOOK)

    def deliver_late_requests(self) -> None:
        """Let the requests arrive that a fault has kept back, and be answered.

        One that the server does not answer in time, or whose connection it has ended, is not
        carried out as far as anybody can tell.
        """
        self.proxy.deliver_late_requests()
        limit = Limit(self._target.answer_within)
        while self.proxy.awaits_late_answers and not limit.is_over:
            time.sleep(_PAUSE)

    def call_until_answered(self, operation: HandleCall) -> Attempt:
        """What an operation comes to as soon as it is answered; some handles need a moment.

        A BackendError, if it is not within the time that the target declares.
        """
        limit = Limit(self._target.answer_within)
        while True:
            attempt = self.call(operation)
            if limit.is_over or not isinstance(attempt.error, BackendError):
                return attempt
            time.sleep(_PAUSE)

    def _run(self, operation: HandleCall, attempt: Future[Attempt]) -> None:
        try:
            attempt.set_result(Attempt.of(lambda: operation(self.handle())))
        except BaseException as why:  # it is inconclusive, or the rule has been abandoned
            attempt.set_exception(why)


def _has_ended(thread: threading.Thread, within: float) -> bool:
    thread.join(within)
    return not thread.is_alive()


def run_concurrently(jobs: Iterable[Callable[[], T]], width: int = _CONCURRENT_CALLS) -> list[T]:
    """Run the jobs in threads, `width` at the same time; their results in the jobs' order.

    Raises what the first of them has raised, and Inconclusive only if nothing else was raised.
    """
    with ThreadPoolExecutor(width) as pool:
        futures = [pool.submit(job) for job in jobs]
    errors = [error for error in map(Future.exception, futures) if error is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, Inconclusive)):
        raise error
    return [future.result() for future in futures]


def stored_record(trial: Trial, key: tuple[str, str]) -> VersionedRecord | None:
    """What a handle finds that no fault touches."""
    try:
        return trial.backend.unrecorded.get(*key)
    except NotFoundError:
        return None


def read_without_fault(trial: Trial, read: Callable[[], T]) -> T:
    """What a read by a handle returns that no fault touches; it is repeated while it fails.

    Raises Inconclusive if it goes on to fail.
    """
    limit = Limit(trial.target.answer_within)
    while True:
        try:
            return read()
        except CorruptRecordError:
            raise
        except BackendError as error:
            if limit.is_over:
                why = f"the storage cannot be read, though no fault is injected: {error}"
                raise Inconclusive(why) from error
            time.sleep(_PAUSE)
