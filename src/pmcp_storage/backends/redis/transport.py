"""Calls to Redis whose outcome is known: attempts, and when to repeat one.

redis-py repeats a command by itself and does not say so. So each attempt here takes a connection
of the client's pool and sends its commands once; what was sent and not answered may have been
applied, what could not be sent or was refused was not. The commands themselves, and what a
repeated one means, belong to the backend; what an error means, to `failures`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from redis import Redis, RedisCluster
from redis.exceptions import InvalidResponse, MovedError, NoScriptError, ResponseError

from pmcp_storage.backends.redis.failures import REFUSALS, TRANSIENT, explain
from pmcp_storage.backends.redis.scripts import Command, Script

Client = Redis | RedisCluster

_PAUSES = (0.0, 0.02, 0.2)
"""Seconds before each attempt."""


class RedisCalls:
    """The calls of one handle, over a client that others may use as well."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self._is_cluster = isinstance(client, RedisCluster)
        self._closed = False

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
            raise explain(error, uncertain=False) from error

    def close(self) -> None:
        """End each connection after its use from now on, also those of calls under way."""
        self._closed = True

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
                uncertain |= writes and sent and not isinstance(error, REFUSALS)
                if not self._is_worth_repeating(error):
                    break
        assert failure is not None
        raise explain(failure, uncertain=uncertain) from failure

    @contextmanager
    def _connection(self, key: bytes) -> Iterator[Any]:
        pool = self._pool(key)
        connection = pool.get_connection()
        try:
            yield connection
        except ResponseError as error:
            if isinstance(error, TRANSIENT):
                connection.disconnect()
            raise
        except BaseException:
            # An answer may still be on its way, and must not become that of the next command.
            connection.disconnect()
            raise
        finally:
            if self._closed:
                connection.disconnect()
            pool.release(connection)

    def _pool(self, key: bytes) -> Any:
        if self._is_cluster:
            node = self._client.get_node_from_key(key)
            return self._client.get_redis_connection(node).connection_pool
        return self._client.connection_pool

    def _is_worth_repeating(self, error: Exception) -> bool:
        if isinstance(error, REFUSALS) and not isinstance(error, TRANSIENT):
            return False
        if self._is_cluster:
            self._refresh_nodes()
            return True
        return not isinstance(error, MovedError)

    def _refresh_nodes(self) -> None:
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
