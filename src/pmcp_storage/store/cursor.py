"""The cursor of a listing: where the next page begins, bound to the owner it was made for.

A cursor is the last task_id of a page and a keyed digest over owner and task_id. It needs no
memory and no secret, so that any machine continues the listing that another began. The key is no
secret: the digest detects a cursor that was damaged, made up or made for another owner, and is no
access control. None is needed: a cursor is only ever a position in the list of the owner who
presents it, and a forged one leads nowhere else.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

from pmcp_storage.store.task_errors import InvalidArgumentError, InvalidCursorError

_KEY = b"pmcp-storage cursor, version 1"
_DIGEST_BYTES = 16


def mint_cursor(owner_id: str, task_id: str) -> str:
    """The cursor that continues the owner's listing after `task_id`."""
    position = task_id.encode()
    return urlsafe_b64encode(_digest(owner_id, position) + position).decode()


def read_cursor(owner_id: str, cursor: str) -> str:
    """The task_id after which the owner's listing continues.

    Raises InvalidCursorError for a cursor that was not minted for this owner, and
    InvalidArgumentError for one that is not a string.
    """
    if not isinstance(cursor, str):
        raise InvalidArgumentError("cursor", f"must be a str, not {type(cursor).__name__}")
    try:
        content = urlsafe_b64decode(cursor)
    except ValueError:
        raise InvalidCursorError from None
    digest, position = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    # The decoder overlooks foreign characters and stray bits; a minted cursor has none.
    faithful = urlsafe_b64encode(content).decode() == cursor
    if not (faithful and compare_digest(digest, _digest(owner_id, position))):
        raise InvalidCursorError
    return position.decode()


def _digest(owner_id: str, position: bytes) -> bytes:
    # No id has U+0000, so that it separates the two for sure.
    return blake2b(
        owner_id.encode() + b"\0" + position, key=_KEY, digest_size=_DIGEST_BYTES
    ).digest()
