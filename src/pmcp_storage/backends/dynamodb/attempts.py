"""What became of each attempt of a request.

boto3 repeats a request by itself, so one call can be several attempts: a write may be applied, its
answer lost, and the second attempt refused because of the first. `observe` has a client note, for
each call within `recorded`, whether an attempt may have been applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass
class Attempts:
    """The attempts of one call: whether the last one, or one before it, may have been applied."""

    earlier: bool = False
    last: bool = False
    readable: bool = True
    """Whether the last answer was JSON."""


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
        never_sent = (EndpointConnectionError, ConnectTimeoutError)
        attempts.last = not isinstance(caught_exception, never_sent)
        return
    http, parsed = response
    attempts.last = not 400 <= http.status_code < 500
    attempts.readable = _is_readable(http.content, parsed)


def _is_readable(body: bytes, parsed: dict[str, Any]) -> bool:
    """Whether an answer is JSON: botocore reads anything else as an answer without fields."""
    if parsed.keys() - {"ResponseMetadata"}:
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
