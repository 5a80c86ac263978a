"""What became of each attempt of a request.

A request is repeated by whoever sends it, so one call can be several attempts: a write may be
applied, its answer lost, and the second attempt refused because of the first. A sender notes here
what it sees, and whoever judges the call reads whether an attempt may have been applied. Evidence
decides: how far an attempt has come, and not what a library calls its failure.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import FrameType

from pmcp_storage.backends.dynamodb.failures import LIBRARIES
from pmcp_storage.backends.interruptions import chain, frames, interruption


@dataclass
class Attempts:
    """The attempts of one call: whether the last one, or one before it, may have been applied."""

    earlier: bool = False
    last: bool = False
    readable: bool = True
    """Whether the last answer was JSON."""
    outer: BaseException | None = field(default_factory=sys.exception)
    """The exception that the caller was handling when the call began."""

    def begin(self) -> None:
        """An attempt is about to be sent."""
        self.earlier |= self.last
        # Until the answer is noted: an answer that cannot be parsed raises before it is.
        self.last = True

    def fail(self, error: BaseException) -> None:
        """The attempt has ended with an error instead of an answer."""
        self.last = not _is_unsent(error, self.outer)

    def answer(self, status: int, *, readable: bool) -> None:
        """The attempt was answered, with a status of HTTP, and with JSON if it is readable."""
        self.last = not 400 <= status < 500
        self.readable = readable

    def interruption(self, error: BaseException) -> BaseException | None:
        """The caller's own exception that made the call fail with `error`; None if none did."""
        return interruption(error, LIBRARIES, outer=self.outer)


def _is_unsent(error: BaseException, outer: BaseException | None) -> bool:
    """Whether an attempt failed before its last byte was handed to the network."""
    return any(
        _is_before_the_answer(frame)
        for each in chain(error, outer=outer)
        for frame in frames(each.__traceback__)
    )


def _is_before_the_answer(frame: FrameType) -> bool:
    """Whether a frame connects (also through a proxy, or TLS), or sends: both precede reading."""
    name, module = frame.f_code.co_name, frame.f_globals.get("__name__")
    return name == "connect" or (name == "send" and module == "http.client")
