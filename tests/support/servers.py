"""Servers that tests start on this machine, of which none outlives the process that started it.

`Server` is a process that serves on a loopback port; `redis_server` and `engines` say which. `main`
is the command that each of those modules is when it is run: `run -- COMMAND...`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Protocol, Self

_ATTEMPTS = 5
_READY_WITHIN = 60.0
_POLL_INTERVAL = 0.02
_NEVER_HANDED_OUT = range(15_000, 32_000)


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
        dismiss(self._guard)
        self._process.kill()
        self._process.wait()

    def _launch(self, command: Sequence[str], log: int) -> None:
        self._guard = guard("KILL")
        self._process = subprocess.Popen(
            command,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=self._guard.pid,
        )


class Restartable(Protocol):
    """A server that can be killed and started again."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


@contextmanager
def crash_command(server: Restartable) -> Iterator[str]:
    """A command that kills the server with SIGKILL, starts it again and then returns."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path := f"{folder}/crash")
        listener.listen()
        Thread(target=_crash_when_asked, args=(server, listener), daemon=True).start()
        try:
            yield shlex.join([sys.executable, "-ISc", _ASK, path])
        finally:
            listener.shutdown(socket.SHUT_RDWR)


_ASK = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"


def _crash_when_asked(server: Restartable, listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            with listener.accept()[0]:
                server.kill()
                server.start()


def guard(signal_name: str) -> subprocess.Popen[bytes]:
    """A process that signals its group once this process has ended, in whatever way.

    Servers are started into its group, and so never are without it, however short a moment. The
    group also keeps interrupts from the keyboard away from them.
    """
    # The read ends when no process holds the other end any more, and only this one does.
    script = 'read -r _; kill -s "$1" 0'
    return subprocess.Popen(
        ["sh", "-c", script, "guard", signal_name],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def dismiss(guarding: subprocess.Popen[bytes]) -> None:
    """End such a process, with nothing left to guard."""
    guarding.kill()
    guarding.communicate()


def _becomes_ready(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _READY_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server.poll() is None
        time.sleep(_POLL_INTERVAL)
    return False


def free_port() -> int:
    """A loopback port on which nothing listens at the moment.

    None of those that systems hand out to whoever asks for any: one of these can be another
    process's before the server listens on it, which then looks as if it were ready.
    """
    while True:
        port = secrets.choice(_NEVER_HANDED_OUT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
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
            return run(command, environment)
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


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command with these variables; returns its exit code, as `main` does.

    A SIGTERM is passed on to it, at whatever moment it arrives.
    """
    early = list[int]()
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    child = subprocess.Popen(command, env={**os.environ, **environment})
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    if early:
        child.terminate()
    # An interrupt from the keyboard reaches the command as well, which ends when it sees fit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = child.wait()
    return code if code >= 0 else 128 - code
