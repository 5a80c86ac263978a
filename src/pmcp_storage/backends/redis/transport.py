"""Calls to Redis whose outcome is known: attempts, retries, and what an error means.

redis-py repeats a command by itself, and does not tell. So each attempt here takes a connection
of the client's pool and sends its commands once; what was sent and not answered may have been
applied, what could not be sent or was refused was not. The commands themselves, and what a
repeated one means, belong to the backend.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from redis import Redis, RedisCluster
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    InvalidResponse,
    MasterDownError,
    MaxConnectionsError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from pmcp_storage.backends.redis.scripts import Command, Script
from pmcp_storage.errors import BackendError, OutcomeUnknownError, StorageError, StorageFullError

Client = Redis | RedisCluster

_PAUSES = (0.0, 0.02, 0.2)
"""Seconds before each attempt."""

_REFUSED = (ResponseError, BusyLoadingError, AuthenticationError, AuthorizationError)
"""Answers of the server which mean that it did not execute the command."""

_TELLING = (ConnectionError, TimeoutError, RedisClusterException, ResponseError)
"""Errors whose text may be shown. Others quote an answer that makes no sense, thus data."""

_PASSING = (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    TryAgainError,
)
"""Refusals that may end by themselves: a server starts, or a cluster changes its shape."""

_LOG_IN = "give the client a user name and password that the server knows"
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
    "unauthenticated": _LOG_IN,  # how a server refuses a long command from a stranger
    "WRONGTYPE": "something else is stored under a key of ours: remove it, or change the prefix",
}
"""What to do about refusals that redis-py does not always tell by a class, by their text."""


class RedisCalls:
    """The calls of one handle, over a client that others may use as well."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self._is_cluster = isinstance(client, RedisCluster)
        self.closed = False
        """Connections are ended after use from now on, also those of calls under way."""

    def read(self, key: bytes, commands: Sequence[Command]) -> list[list[Any]]:
        """The answers to commands that change nothing; `key` names the cluster's node.

        Raises BackendError.
        """
        return self._call(key, commands, writes=False)[0]

    def write(self, key: bytes, command: Command) -> tuple[list[Any], bool]:
        """The answer to a command, and whether an earlier attempt may have been applied too.

        Raises OutcomeUnknownError if an attempt may have been applied and none was answered,
        BackendError and StorageFullError if nothing was written.
        """
        answers, uncertain = self._call(key, [command], writes=True)
        return answers[0], uncertain

    def settings(self, *names: str) -> list[dict[str, str]]:
        """The settings of each server that takes writes. Raises BackendError."""
        try:
            return [_config(server, names) for server in self._servers()]
        except Exception as error:
            raise _explained(error, uncertain=False) from error

    def _servers(self) -> list[Redis]:
        client = self._client
        if self._is_cluster:
            return [client.get_redis_connection(node) for node in client.get_primaries()]
        return [client]

    def _call(
        self, key: bytes, commands: Sequence[Command], *, writes: bool
    ) -> tuple[list[list[Any]], bool]:
        uncertain = False
        failure: Exception | None = None
        for pause in _PAUSES:
            if pause:
                time.sleep(pause)
            sent = False
            try:
                with self._connection(key) as connection:
                    sent = True
                    return _exchange(connection, commands), uncertain
            except Exception as error:
                failure = error
                uncertain |= writes and sent and not isinstance(error, _REFUSED)
                if not self._may_end(error):
                    break
        assert failure is not None
        raise _explained(failure, uncertain) from failure

    @contextmanager
    def _connection(self, key: bytes) -> Iterator[Any]:
        pool = self._pool(key)
        connection = pool.get_connection()
        try:
            yield connection
        except ResponseError as error:
            if isinstance(error, _PASSING):
                connection.disconnect()
            raise
        except BaseException:
            # An answer may still be on its way, and must not become that of the next command.
            connection.disconnect()
            raise
        finally:
            if self.closed:
                connection.disconnect()
            pool.release(connection)

    def _pool(self, key: bytes) -> Any:
        if self._is_cluster:
            node = self._client.get_node_from_key(key)
            return self._client.get_redis_connection(node).connection_pool
        return self._client.connection_pool

    def _may_end(self, error: Exception) -> bool:
        if isinstance(error, _REFUSED) and not isinstance(error, _PASSING):
            return False
        if self._is_cluster:
            self._look_for_the_nodes()
            return True
        return not isinstance(error, MovedError)

    def _look_for_the_nodes(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except Exception:
            return  # the next attempt meets the reason


def _exchange(connection: Any, commands: Sequence[Command]) -> list[list[Any]]:
    try:
        return _send(connection, commands)
    except NoScriptError:
        return _send(connection, [Script.with_text(command) for command in commands])


def _send(connection: Any, commands: Sequence[Command]) -> list[list[Any]]:
    packed = b"".join(chain.from_iterable(connection.pack_command(*each) for each in commands))
    connection.send_packed_command([packed], check_health=False)
    answers = [_answer(connection) for _ in commands]
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, list):
            raise InvalidResponse("an answer that belongs to no command sent")
    return answers


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _config(server: Redis, names: Sequence[str]) -> dict[str, str]:
    found: dict[Any, Any] = server.config_get(*names)
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _explained(error: Exception, uncertain: bool) -> StorageError:
    text = (
        f"{type(error).__name__}: {error}" if isinstance(error, _TELLING) else type(error).__name__
    )
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
        return "look at the server's log"
    return "check that the server runs, and its address"
