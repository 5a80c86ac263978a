"""Whether a client of redis-py can be used; nothing is sent."""

from __future__ import annotations

from typing import Any

from redis import RedisCluster
from redis.exceptions import RedisError

from pmcp_storage.backends.timeouts import check_timeout


def check_client(client: Any) -> None:
    """Raise ValueError or TypeError for options with which no connection can be made."""
    options = _options(client)
    for name in ("socket_timeout", "socket_connect_timeout"):
        check_timeout(f"{name} of the Redis client", options.get(name))
    if isinstance(client, RedisCluster):
        return  # it has connected already
    try:
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (TypeError, ValueError, RedisError) as error:
        raise ValueError(f"the Redis client has an option that cannot be used: {error}") from error


def _options(client: Any) -> dict[str, Any]:
    is_cluster = isinstance(client, RedisCluster)
    source: Any = client.nodes_manager if is_cluster else client.connection_pool
    options: dict[str, Any] = source.connection_kwargs
    return options
