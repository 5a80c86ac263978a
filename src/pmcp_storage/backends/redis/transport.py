"""Calls to Redis whose outcome is known: attempts, and when to repeat one.

redis-py repeats a command by itself and does not say so. So each attempt here sends its commands
once; what was sent and not answered may have been applied, what could not be sent in full or was
refused was not. A cluster's redirections are followed. The commands themselves, and what a repeated
one means, belong to the backend; what an error means, to `failures`; sockets, to `connections`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from pmcp_storage.backends.interruptions import interruption
from pmcp_storage.backends.redis.calls import Call, Pauses, Route
from pmcp_storage.backends.redis.connections import Connections
from pmcp_storage.backends.redis.failures import (
    LIBRARIES,
    explain,
    is_redirection,
    is_refusal,
    is_transient,
    refusal_behind,
)
from pmcp_storage.backends.redis.scripts import Command
from pmcp_storage.backends.redis.settings import settings_of

Client = Redis | RedisCluster


class RedisCalls:
    """The calls of one handle, to the servers that a client of redis-py leads to."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self._is_cluster = isinstance(client, RedisCluster)
        self._connections = Connections()

    def read(self, key: bytes, commands: Sequence[Command]) -> list[list[Any]]:
        """The answers to commands that change nothing; `key` names the cluster's node.

        Raises BackendError.
        """
        call = Call(key, commands)
        self._carry_out(call, writes=False)
        return call.answers()

    def write(self, key: bytes, command: Command) -> tuple[list[Any], bool]:
        """The answer to a command, and whether an earlier attempt may have been applied too.

        Raises OutcomeUnknownError if an attempt may have been applied and none was answered,
        BackendError and StorageFullError if nothing was written.
        """
        call = Call(key, [command])
        self._carry_out(call, writes=True)
        return call.answers()[0], call.uncertain

    def settings(self, *names: str) -> list[dict[str, str]]:
        """The settings of each server that takes writes, as far as it shows them.

        Raises BackendError.
        """
        outer = sys.exception()
        try:
            return [settings_of(server, names) for server in self._servers()]
        except Exception as error:
            failure = error
        raise _meaning(failure, outer, writes=False)

    def close(self) -> None:
        """Close each connection after its use from now on, also those of calls under way."""
        self._connections.close()

    def _servers(self) -> list[Redis]:
        client = self._client
        if self._is_cluster:
            return [client.get_redis_connection(node) for node in client.get_primaries()]
        return [client]

    def _carry_out(self, call: Call, *, writes: bool) -> None:
        outer = sys.exception()
        pauses = Pauses(self._is_cluster)
        while True:
            try:
                return self._attempt(call)
            except Exception as error:
                failure = refusal_behind(error, outer=outer)
            call.uncertain |= writes and call.sent and not is_refusal(failure)
            pause = pauses.before_repeating(failure)
            if pause is None or interruption(failure, LIBRARIES, outer=outer):
                raise _meaning(failure, outer, writes=writes, uncertain=call.uncertain)
            time.sleep(pause)
            if self._is_cluster and not is_redirection(failure):
                self._refresh_nodes()

    def _attempt(self, call: Call) -> None:
        """Send what is unanswered. Raises the first refusal, after noting the other answers."""
        for route in call.routes():
            call.sent = False
            with self._connection(call.key, route) as connection:
                refusal = call.exchange(connection, route)
                if refusal is not None and is_transient(refusal):
                    raise refusal  # this ends the connection: another may lead elsewhere
            if refusal is not None:
                raise refusal

    @contextmanager
    def _connection(self, key: bytes, route: Route | None = None) -> Iterator[Any]:
        if self._is_cluster:
            node = self._node(key, route)
            place, pool = node.name, self._client.get_redis_connection(node).connection_pool
        else:
            place, pool = "", self._client.connection_pool
        with self._connections.lend(place, pool) as connection:
            yield connection

    def _node(self, key: bytes, route: Route | None) -> Any:
        found = route and self._client.get_node(route.host, route.port)
        return found or self._client.get_node_from_key(key)

    def _refresh_nodes(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except (RedisError, RedisClusterException, OSError):
            return  # the next attempt meets the reason


def _meaning(
    failure: Exception, outer: BaseException | None, *, writes: bool, uncertain: bool = False
) -> BaseException:
    """What to raise for a failure: the caller's own exception, or a StorageError."""
    own = interruption(failure, LIBRARIES, outer=outer)
    if own is not None:
        return own
    meaning = explain(failure, writes=writes, uncertain=uncertain)
    meaning.__cause__ = failure
    return meaning
