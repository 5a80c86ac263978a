"""The fork server: a fresh interpreter that loads the target once and is forked for each child.

It loads the target from its file, its class's name and its pickled state, so that targets defined
in a conftest work. It opens no handle itself. That makes a child cheap enough to be killed by the
dozen.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path

from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_main import ChildLoop
from pmcp_conformance.processes.target_origin import TargetOrigin
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend

_START_WITHIN = 60.0
"""Seconds to load the target, which may import large libraries on a busy machine."""

_LOG_SHOWN = 2000
"""Characters of the log's end that an error shows."""


def start_child(trial: Trial) -> Child:
    """A child with a handle on the same storage, ended with the trial.

    Raises RuntimeError, with what was written on standard error, if the target cannot be loaded by
    another process, and ValueError if it does not stand at the top level of a file.
    """
    server = trial.run.shared(ForkServer, lambda: ForkServer(trial.target, trial.run.handle()))
    child = server.fork(trial.watchdog)
    trial.cleanup.end_child(child)
    return child


class ForkServer:
    """The interpreter that is forked for children of one target, whose handles are like `handle`.

    It is started with the first child. Raises ValueError for a target that no other process could
    make.
    """

    def __init__(self, target: BackendTarget, handle: StorageBackend) -> None:
        self._origin = TargetOrigin.of(target, handle)
        self._folder = tempfile.TemporaryDirectory(prefix="pmcp-", ignore_cleanup_errors=True)
        self._socket = Path(self._folder.name) / "socket"
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, watchdog: Watchdog) -> Child:
        """A further child; the watchdog sees how long its answers take.

        Raises RuntimeError, with the log, if the target cannot be loaded.
        """
        if self._process is None:
            self._process = self._started()
        return Child(Client(str(self._socket), "AF_UNIX"), watchdog)

    def close(self) -> None:
        """End the interpreter, and with it all children that still run."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
        self._folder.cleanup()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pmcp_conformance.processes.fork_server"]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*command, str(self._socket)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        origin = pickle.dumps(self._origin)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # of one that has ended already: its log says why
            process.stdin.write(len(origin).to_bytes(8, "big") + origin)
            process.stdin.flush()
        self._wait_for_socket(process)
        return process

    def _wait_for_socket(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_WITHIN
        while not self._socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                with process:  # closes its standard input, and waits for it
                    process.kill()
                log = self._log.read_text(errors="replace")[-_LOG_SHOWN:]
                raise RuntimeError(f"a child process could not load the target:\n{log}")
            time.sleep(0.005)


def main() -> None:
    """The interpreter itself: a target on standard input, connections on the socket of that name.

    It ends with its standard input, which whoever started it holds open.
    """
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    origin: TargetOrigin = pickle.loads(sys.stdin.buffer.read(size))
    target = origin.load()
    os.setsid()  # a group of this interpreter and its children, which ends as one
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children: let them go
    address = Path(sys.argv[1])
    scratch = address.with_suffix(".new")
    with Listener(str(scratch), "AF_UNIX", backlog=64) as listener:
        scratch.rename(address)  # whoever sees the name finds a listener behind it
        accepting: socket.socket = listener._listener._socket  # type: ignore[attr-defined]
        while True:
            ready, _, _ = select.select([sys.stdin, accepting], [], [])
            if sys.stdin in ready:
                _end_group(address.parent)  # the parent is gone, or done
            connection = listener.accept()
            if os.fork() == 0:
                ChildLoop(connection, target, origin.backend_files).run()
            connection.close()


def _end_group(folder: Path) -> None:
    """End this process and all of its children, also those that hang; leave no folder behind."""
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
