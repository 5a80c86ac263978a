"""Other processes with a handle on the target's storage, for rules that contend with or kill them.

A fresh interpreter loads the target once, from its file, its class's name and its pickled state,
so that targets defined in a conftest work; it opens no handle itself, but forks a child for each
process that a rule asks for. That makes a child cheap enough to be killed by the dozen.
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
from multiprocessing.connection import Client, Listener
from pathlib import Path

from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_main import ChildLoop
from pmcp_conformance.processes.origin import TargetOrigin
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend

_START_WITHIN = 60.0


def start_child(trial: Trial) -> Child:
    """Another process with a handle on the same storage, ended with the trial."""
    server = trial.run.shared(ForkServer, lambda: ForkServer(trial.target, trial.run.handle()))
    child = server.child(trial.watchdog)
    trial.attach(child)
    return child


class ForkServer:
    """The interpreter that forks children; started with the first child that is asked for."""

    def __init__(self, target: BackendTarget, handle: StorageBackend) -> None:
        self._origin = TargetOrigin.of(target, handle)
        self._folder = tempfile.TemporaryDirectory(prefix="pmcp-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None

    def child(self, watch: Watchdog) -> Child:
        """Another process with a handle of its own, which it opens at its first call.

        The watch sees how long its answers take."""
        if self._process is None:
            self._start()
        return Child(Client(self._address, "AF_UNIX"), watch)

    def close(self) -> None:
        """End the interpreter, and with it all children that still run."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
        self._folder.cleanup()

    @property
    def _address(self) -> str:
        return str(Path(self._folder.name) / "nursery")

    def _start(self) -> None:
        origin = pickle.dumps(self._origin)
        command = [sys.executable, "-m", "pmcp_conformance.processes.fork_server", self._address]
        log = Path(self._folder.name) / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )
        assert process.stdin is not None
        process.stdin.write(len(origin).to_bytes(8, "big") + origin)
        process.stdin.flush()
        deadline = time.monotonic() + _START_WITHIN
        while not Path(self._address).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                told = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"another process could not load the target:\n{told}")
            time.sleep(0.005)
        self._process = process


def main() -> None:
    """The interpreter that forks children: a target on standard input, connections on a socket."""
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    origin = pickle.loads(sys.stdin.buffer.read(size))
    target = origin.target()
    os.setsid()  # a group of this interpreter and its children, which ends as one
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children: let them go
    scratch = f"{sys.argv[1]}.new"
    with Listener(scratch, "AF_UNIX", backlog=64) as listener:
        os.rename(scratch, sys.argv[1])  # whoever sees the name finds a listener behind it
        accepting: socket.socket = listener._listener._socket  # type: ignore[attr-defined]
        while True:
            ready, _, _ = select.select([sys.stdin, accepting], [], [])
            if sys.stdin in ready:
                end_all(Path(sys.argv[1]).parent)  # the parent is gone, or done
            connection = listener.accept()
            if os.fork() == 0:
                ChildLoop(connection, target, origin.files).serve()
            connection.close()


def end_all(folder: Path) -> None:
    """End this process and all of its children, also those that hang; leave no folder behind."""
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
