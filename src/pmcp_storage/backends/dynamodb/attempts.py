"""What became of each attempt of a request.

boto3 repeats a request by itself, so one call can be several attempts: a write may be applied, its
answer lost, and the second attempt refused because of the first. `observe` has a client note, for
each call within `recorded`, whether an attempt may have been applied. Evidence decides: how far an
attempt has come, and not what boto3 calls its failure.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from pmcp_storage.backends.dynamodb.failures import LIBRARIES
from pmcp_storage.backends.interruptions import chain, frames, interruption

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass
class Attempts:
    """The attempts of one call: whether the last one, or one before it, may have been applied."""

    earlier: bool = False
    last: bool = False
    readable: bool = True
    """Whether the last answer was JSON."""
    outer: BaseException | None = field(default_factory=sys.exception)
    """The exception that the caller was handling when the call began."""

    def interruption(self, error: BaseException) -> BaseException | None:
        """The caller's own exception that made the call fail with `error`; None if none did."""
        return interruption(error, LIBRARIES, outer=self.outer)


def observe(client: DynamoDBClient) -> None:
    """Have the client note its attempts from now on."""
    # First, because a handler of botocore's own may raise. By id, so that the backends of one
    # client register them once.
    for event, note in (("before-send", _note_sending), ("needs-retry", _note_answer)):
        client.meta.events.register_first(
            f"{event}.dynamodb", note, unique_id=f"pmcp-storage-{event}"
        )


@contextmanager
def recorded(attempts: Attempts) -> Iterator[None]:
    """Note the attempts of the one call made within in `attempts`."""
    token = _current.set(attempts)
    try:
        yield
    finally:
        _current.reset(token)


_current: ContextVar[Attempts | None] = ContextVar("pmcp_storage_attempts", default=None)


def _note_sending(**_: Any) -> None:
    attempts = _current.get()
    if attempts is not None:
        attempts.earlier |= attempts.last
        # Until the answer is noted: an answer that cannot be parsed raises before it is.
        attempts.last = True


def _note_answer(response: Any, caught_exception: Exception | None, **_: Any) -> None:
    attempts = _current.get()
    if attempts is None:
        return
    if response is None:
        assert caught_exception is not None
        own = attempts.interruption(caught_exception)
        if own is not None:
            raise own  # or boto3 would take it for a failed connection, and try again
        attempts.last = not _is_unsent(caught_exception, attempts.outer)
        return
    http, parsed = response
    attempts.last = not 400 <= http.status_code < 500
    attempts.readable = _is_readable(http.content, parsed)


def _is_unsent(error: Exception, outer: BaseException | None) -> bool:
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


def _is_readable(body: bytes, parsed: dict[str, Any]) -> bool:
    """Whether an answer is JSON: botocore reads anything else as an answer without fields."""
    if parsed.keys() - {"ResponseMetadata"}:
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
