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

LIBRARIES = ("redis", "hiredis")
"""The packages whose exceptions are failures of Redis."""

_REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError, AuthorizationError)
"""Answers of the server which mean that it did not execute the command."""

_TOO_MANY_CLIENTS = "max number of clients"
"""Part of a refusal that redis-py makes a ConnectionError, as if the connection had failed."""

_SHOWABLE = (ConnectionError, TimeoutError, RedisClusterException, ResponseError)
"""Errors whose text may be shown. Others quote an answer that could not be parsed: maybe data."""

_TRANSIENT = (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
)
"""Refusals that can pass by themselves: a server starts, or another becomes the primary."""

_ALLOW = "let this user run the command on these keys (ACL SETUSER)"
_LOG_IN = "give the client a user name and password that the server accepts"
_ROOM = "raise maxmemory, or make room"
_DISK_FULL = "No space left"
_CLUSTER = "this is a Redis Cluster: hand in a redis.RedisCluster"

_REMEDIES: dict[type[Exception], str] = {
    AuthenticationError: _LOG_IN,
    AuthorizationError: "let this user run the command (ACL SETUSER)",
    NoPermissionError: _ALLOW,
    MovedError: _CLUSTER,
    OutOfMemoryError: _ROOM,
    ReadOnlyError: "this is a replica: connect to the primary",
    ClusterDownError: "the cluster does not serve all slots: see CLUSTER INFO",
    BusyLoadingError: "the server is still reading its data: try again later",
    AskError: "the cluster is moving these keys to another node: try again",
    TryAgainError: "the cluster is moving these keys to another node: try again",
}

_SIGNS = {
    "MOVED": _CLUSTER,
    _TOO_MANY_CLIENTS: "raise the server's maxclients, or have fewer clients",
    "unauthenticated": _LOG_IN,  # a long command of a client that has not logged in
    "can't run this command": _ALLOW,  # Redis, of a script's command that reads
    "ACL failure in script": _ALLOW,  # Valkey, of the same
    _DISK_FULL: _ROOM,
    "NOREPLICAS": (
        "the server takes no writes with so few replicas: start them, or lower "
        "min-replicas-to-write"
    ),
    "MISCONF": "the server cannot save its data and takes no writes: see its log",
    "WRONGTYPE": (
        "something else is stored under one of this backend's keys: remove it, or change the prefix"
    ),
}
"""Remedies by the text of a refusal, for those to which redis-py does not always give a class."""


def refusal_behind(error: Exception, *, outer: BaseException | None) -> Exception:
    """The refusal that `error` stands for, if it does; otherwise the error itself.

    Sentinel's connections make a ConnectionError of a replica's refusal, to find the new primary.
    `outer` is what the caller was handling, and proves nothing.
    """
    context = error.__context__
    return context if isinstance(context, ReadOnlyError) and context is not outer else error


def is_refusal(error: BaseException) -> bool:
    """Whether an error proves that the server did not execute the command."""
    return isinstance(error, _REFUSALS) or _TOO_MANY_CLIENTS in str(error)


def is_transient(error: BaseException) -> bool:
    """Whether a refusal can pass by itself, or with another connection."""
    return isinstance(error, _TRANSIENT)


def is_redirection(error: BaseException) -> bool:
    """Whether a node of a cluster refused for this moment only, and stays where it is."""
    return isinstance(error, AskError | TryAgainError) and not isinstance(error, MovedError)


def explain(error: Exception, *, writes: bool, uncertain: bool = False) -> StorageError:
    """The StorageError to raise for an error of redis-py.

    `writes` says whether it was a write that failed, and `uncertain` whether it may have been
    applied all the same.
    """
    text = type(error).__name__
    if isinstance(error, _SHOWABLE):
        text = f"{text}: {error}"
    if uncertain:
        return OutcomeUnknownError(
            f"Redis did not answer a write ({text}): read the record to see whether it was written"
        )
    if writes and (isinstance(error, OutOfMemoryError) or _DISK_FULL in text):
        return StorageFullError(f"Redis takes no more ({text}): {_ROOM}")
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
