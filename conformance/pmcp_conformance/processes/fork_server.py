"""The fork server: a fresh interpreter that loads the target once and is forked for each child.

It loads the target from its file, its class's name and its pickled state, so that targets defined
in a conftest work. It opens no handle itself. That makes a child cheap enough to be killed by the
dozen.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from pmcp_conformance.engine.ledger import Ledger
from pmcp_conformance.engine.origins import PLACES_SHOWN
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_main import WHERE, ChildLoop
from pmcp_conformance.processes.target_origin import TargetOrigin
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend

_START_WITHIN = 60.0
"""Seconds to load the target, which may import large libraries on a busy machine."""

_LOG_SHOWN = 2000
"""Characters of the log's end that a report shows."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
"""What the interpreter runs; `-m` would not find what this process can import."""

_REQUEST, _DONE = b"?", b"!"
"""What is said on the socket between this process and the interpreter."""

_DUMPED_WITHIN = 1.0
"""Seconds until a child that was asked where it is has said so."""

_PLACE = re.compile(r'File "(.+)", line (\d+)')


def start_child(trial: Trial) -> Child:
    """A child with a handle on the same storage, ended with the trial.

    Raises Inconclusive, with what was written on standard error, if the target cannot be loaded by
    another process, or no process can be started.
    """
    run = trial.run
    server = run.shared(ForkServer, lambda: ForkServer(run.target, run.handle(), run.ledger))
    child = server.fork(trial.watchdog)
    trial.cleanup.end_child(child)
    return child


def fork_child(trial: Trial, child: Child) -> Child:
    """A fork of that child, with the handle that the child has opened, ended with the trial."""
    fork = child.fork()
    trial.cleanup.end_child(fork)
    return fork


class ForkServer:
    """The interpreter that is forked for children of one target, whose handles are like `handle`.

    It is started with the first child. A `ledger` is held until it and its children have ended.
    Raises Inconclusive for a target that no other process could make.
    """

    def __init__(
        self, target: BackendTarget, handle: StorageBackend, ledger: Ledger | None = None
    ) -> None:
        self._origin = _pickled(target, handle)
        self._kill_processes_of = target.kill_processes_of
        self._held = () if ledger is None else (ledger.descriptor,)
        self._starting = threading.Lock()
        self._interpreter: Interpreter | None = None

    def fork(self, watchdog: Watchdog) -> Child:
        """A further child; the watchdog sees how long its answers take.

        Raises Inconclusive if it cannot be started.
        """
        with self._starting:
            if self._interpreter is None:
                self._interpreter = Interpreter(self._origin, self._held)
            interpreter = self._interpreter
            try:
                connection = interpreter.fork()
            except Inconclusive:
                self._interpreter = None  # the next rule tries another
                raise
        return Child(connection, watchdog, interpreter.place_of, self._kill_processes_of)

    def close(self) -> None:
        """End the interpreter, and with it all children that still run."""
        if self._interpreter is not None:
            self._interpreter.end()


class Interpreter:
    """The process itself, as this process sees it.

    It is spoken to on a socket without a name, which ends with either side: a path in TMPDIR could
    be too long. Raises Inconclusive if it does not come to load the target.
    """

    def __init__(self, origin: bytes, held: tuple[int, ...]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _launched(theirs, self._log, held)
        ours.settimeout(_START_WITHIN)
        self._socket = ours
        with suppress(OSError):  # of one that has ended already: its log says why
            ours.sendall(len(origin).to_bytes(8, "big") + origin)
        self._expect_done("a child process could not load the target")

    def fork(self) -> Connection:
        """The connection of a further child."""
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):
            socket.send_fds(self._socket, [_REQUEST], [theirs.fileno()])
        self._expect_done("a child process could not be started")
        return Connection(ours.detach())

    def end(self) -> None:
        """End it, and all of its children."""
        self._socket.close()
        self._process.wait()
        self._log.close()

    def place_of(self, child: int) -> str:
        """Where a child is in its code, from the outermost of its last few calls on."""
        length = len(self._logged())
        with suppress(ProcessLookupError):
            os.kill(child, WHERE)
        deadline = time.monotonic() + _DUMPED_WITHIN
        while time.monotonic() < deadline and len(self._logged()) == length:
            time.sleep(_DUMPED_WITHIN / 50)
        time.sleep(_DUMPED_WITHIN / 50)  # for the end of it
        thread = self._logged()[length:].rpartition("Current thread")[2]
        innermost_first = _PLACE.findall(thread)[:PLACES_SHOWN]
        places = [f"{Path(file).name}:{line}" for file, line in reversed(innermost_first)]
        return f"at {', '.join(places)}" if places else "at a place that it does not tell"

    def _expect_done(self, failure: str) -> None:
        received = b""
        with suppress(OSError):
            received = self._socket.recv(1)
        if received != _DONE:
            self._process.kill()
            self._process.wait()
            log = self._logged().strip()[-_LOG_SHOWN:]
            self.end()
            raise Inconclusive(f"{failure}: {log.splitlines()[-1] if log else 'no answer'}", log)

    def _logged(self) -> str:
        """What it and its children have written on standard error."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")


def _pickled(target: BackendTarget, handle: StorageBackend) -> bytes:
    try:
        return pickle.dumps(TargetOrigin.of(target, handle))
    except Exception as error:
        raise Inconclusive(
            f"a child process could not load the target: {error}: what is in self must survive "
            "pickle, and the class must stand at the top level of a file"
        ) from error


def _launched(
    theirs: socket.socket, log: IO[bytes], held: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    program = _PROGRAM.format(path=sys.path, module=__spec__.name)
    try:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=held,
        )
    except OSError as error:
        raise Inconclusive(f"no child process can be started: {error}") from error


def main() -> None:
    """The interpreter itself, with a target and requests for children on its standard input.

    It ends with its standard input, which whoever started it holds open.
    """
    requests = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    with requests.makefile("rb") as stream:
        size = int.from_bytes(stream.read(8), "big")
        origin: TargetOrigin = pickle.loads(stream.read(size))
    try:
        target = origin.load()
    except BaseException:
        # At once: the last line tells why, and warnings may follow where an interpreter ends.
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os.setsid()  # a group of this interpreter and its children, which ends as one
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children: let them go
    requests.sendall(_DONE)
    while True:
        request, [*descriptors], _, _ = socket.recv_fds(requests, 1, 1)
        if not request:
            os.killpg(0, signal.SIGKILL)  # the parent is gone, or done: so are all the children
        connection = Connection(descriptors[0])
        with warnings.catch_warnings():
            # Whoever makes errors of warnings does not mean that a library has threads here.
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            requests.close()
            ChildLoop(connection, target, origin.backend_files).run()
        connection.close()
        requests.sendall(_DONE)
