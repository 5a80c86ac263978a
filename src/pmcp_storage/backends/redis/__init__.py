"""The backend for Redis and Valkey.

Begin with `redis_backend`. `scripts` are its atomic steps and `hashes` is how a record is stored.
`transport` makes the attempts of a call, `calls` is what one attempt sends and what follows from
the answer, `connections` are the sockets. `clients` checks a client, `settings` reads a server's
settings, `failures` explains redis-py's errors, and `setup` serves the command line.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.backends.redis.redis_backend import RedisBackend as RedisBackend
    from pmcp_storage.backends.redis.setup import init as init
    from pmcp_storage.backends.redis.setup import verify as verify

__getattr__ = on_demand(
    __name__,
    {
        "RedisBackend": "redis_backend",
        "init": "setup",
        "verify": "setup",
    },
)
