"""What an error of redis-py means, and what to do about it. Nothing here talks to a server."""

from __future__ import annotations

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    MaxConnectionsError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from pmcp_storage.errors import BackendError, OutcomeUnknownError, StorageError, StorageFullError

REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError, AuthorizationError)
"""Answers of the server which mean that it did not execute the command."""

_SHOWABLE = (ConnectionError, TimeoutError, RedisClusterException, ResponseError)
"""Errors whose text may be shown. Others quote an answer that could not be parsed: maybe data."""

TRANSIENT = (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    TryAgainError,
)
"""Refusals that can pass by themselves: a server starts, or a cluster changes its shape."""

_LOG_IN = "give the client a user name and password that the server accepts"
_MORE_CONNECTIONS = "let the client's pool have more connections (max_connections)"
_CLUSTER = "this is a Redis Cluster: hand in a redis.RedisCluster"

_REMEDIES: dict[type[Exception], str] = {
    AuthenticationError: _LOG_IN,
    AuthorizationError: "let this user run the command (ACL SETUSER)",
    NoPermissionError: "let this user run the command on these keys (ACL SETUSER)",
    MovedError: _CLUSTER,
    ReadOnlyError: "this is a replica: connect to the primary",
    BusyLoadingError: "the server is still reading its data: try again later",
    MaxConnectionsError: _MORE_CONNECTIONS,
}

_SIGNS = {
    "MOVED": _CLUSTER,
    "No connection available": _MORE_CONNECTIONS,
    "unauthenticated": _LOG_IN,  # a long command of a client that has not logged in
    "WRONGTYPE": (
        "something else is stored under one of this backend's keys: remove it, or change the prefix"
    ),
}
"""Remedies by the text of a refusal, for those to which redis-py does not always give a class."""


def explain(error: Exception, *, uncertain: bool) -> StorageError:
    """The StorageError to raise for an error of redis-py.

    `uncertain` says whether a write may have been applied all the same.
    """
    text = type(error).__name__
    if isinstance(error, _SHOWABLE):
        text = f"{text}: {error}"
    if uncertain:
        return OutcomeUnknownError(
            f"Redis did not answer a write ({text}): read the record to see whether it was written"
        )
    if isinstance(error, OutOfMemoryError) or "No space left" in text:
        return StorageFullError(f"Redis takes no more ({text}): raise maxmemory, or make room")
    return BackendError(f"Redis failed ({text}): {_remedy(error, text)}")


def _remedy(error: Exception, text: str) -> str:
    for kind, remedy in _REMEDIES.items():
        if isinstance(error, kind):
            return remedy
    for sign, remedy in _SIGNS.items():
        if sign in text:
            return remedy
    if isinstance(error, ResponseError):
        return "see the server's log"
    return "check that the server runs and that the address is right"
