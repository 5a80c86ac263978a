"""How a boto3 client notes the attempts of a call, by botocore's events.

`observe` has a client note, for each call within `recorded`, what becomes of each attempt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pmcp_storage.backends.dynamodb.attempts import Attempts

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


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
        attempts.begin()


def _note_answer(response: Any, caught_exception: Exception | None, **_: Any) -> None:
    attempts = _current.get()
    if attempts is None:
        return
    if response is None:
        assert caught_exception is not None
        own = attempts.interruption(caught_exception)
        if own is not None:
            raise own  # or boto3 would take it for a failed connection, and try again
        attempts.fail(caught_exception)
        return
    http, parsed = response
    attempts.answer(http.status_code, readable=_is_readable(http.content, parsed))


def _is_readable(body: bytes, parsed: dict[str, Any]) -> bool:
    """Whether an answer is JSON: botocore reads anything else as an answer without fields."""
    if parsed.keys() - {"ResponseMetadata"}:
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
