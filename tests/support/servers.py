"""Servers that tests start on this machine, of which none outlives the process that started it.

`Server` is a process that serves on a loopback port; `redis_server` and `engines` say which. `main`
is the command that each of those modules is when it is run: `run -- COMMAND...`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_ATTEMPTS = 5
_READY_WITHIN = 60.0
_POLL_INTERVAL = 0.02


class Server:
    """A server process on a loopback port, which it keeps when it is started again.

    It runs within a `with`, and can be killed and started again there. `command` gives its command
    line for a port; `cwd` is the folder in which it starts.
    """

    def __init__(self, command: Callable[[int], Sequence[str]], cwd: Path | None = None) -> None:
        self._command = command
        self._cwd = cwd
        self.port = 0
        """Where it listens; 0 before the first start."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and return when it accepts connections.

        Raises RuntimeError with the server's output if it does not.
        """
        # A free port can be taken before the server binds it, but not every time.
        for _ in range(_ATTEMPTS):
            port = self.port or free_port()
            command = self._command(port)
            with tempfile.TemporaryFile() as log:
                self._launch(command, log.fileno())
                if _becomes_ready(self._process, port):
                    self.port = port
                    return
                self.kill()
                log.seek(0)
                output = log.read().decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)} does not start:\n{output}")

    def kill(self) -> None:
        """End it with SIGKILL, as a crash does."""
        self._guard.kill()
        self._guard.communicate()
        self._process.kill()
        self._process.wait()

    def _launch(self, command: Sequence[str], log: int) -> None:
        # A session of its own, so that an interrupt from the keyboard reaches the tests first.
        self._process = subprocess.Popen(
            command,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._guard = _guard(self._process.pid)


def _guard(server: int) -> subprocess.Popen[bytes]:
    """A process that kills the server once this process has ended, in whatever way."""
    # The read ends when no process holds the other end any more, and only this one does.
    script = 'read -r _; kill -9 "$1"'
    return subprocess.Popen(
        ["sh", "-c", script, "guard", str(server)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _becomes_ready(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _READY_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server.poll() is None
        time.sleep(_POLL_INTERVAL)
    return False


def free_port() -> int:
    """A loopback port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Serving = Callable[[], AbstractContextManager[Mapping[str, str]]]
"""Runs a server for the length of a `with`; yields the variables by which a command finds it."""


def main(serving: Serving, description: str | None) -> int:
    """Be the command `run -- COMMAND...`: run a command while there is a server for it.

    Returns the exit code of the command, or 128 plus the number of the signal that killed it. A
    SIGTERM is passed on to the command, and the server ends after it. `description` is for --help.
    """
    command = _parsed_command(description)
    # As an exception, a termination passes through every `with`, and so ends what has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with serving() as environment:
            return _run(command, environment)
    except RuntimeError as error:
        sys.exit(str(error))


def _parsed_command(description: str | None) -> list[str]:
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        usage=f"python {sys.argv[0]} run -- COMMAND...",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", choices=["run"], help="run the command that follows --")
    parser.parse_args(arguments[:end])
    command = arguments[end + 1 :]
    if not command:
        parser.error("the command to run is missing: write it after --")
    if shutil.which(command[0]) is None:
        parser.error(f"there is no command {command[0]}")
    return command


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    child = subprocess.Popen(command, env={**os.environ, **environment})
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    # An interrupt from the keyboard reaches the command as well, which ends when it sees fit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = child.wait()
    return code if code >= 0 else 128 - code
