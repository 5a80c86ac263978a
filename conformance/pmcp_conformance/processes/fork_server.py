"""Other processes with a handle on the target's storage, for rules that contend with or kill them.

A fresh interpreter loads the target once, from its file, its class's name and its pickled state,
so that targets defined in a conftest work; it opens no handle itself, but forks a child for each
process that a rule asks for. That makes a child cheap enough to be killed by the dozen.
"""

from __future__ import annotations

import importlib.util
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
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from pmcp_conformance.engine.watchdog import Watch
from pmcp_conformance.interleaving.preemption import backend_files
from pmcp_conformance.interleaving.two_calls import fell_asleep
from pmcp_conformance.interleaving.yield_points import Place
from pmcp_conformance.processes.child_main import Servant
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend

_START_WITHIN = 60.0


@dataclass(frozen=True)
class Origin:
    """Where another process finds a target: its module's file and name, its class, its state."""

    module: str
    file: str
    kind: str
    state: Any
    path: list[str]
    libraries: str
    """The module of the handle's class; importing it once saves every child the time."""
    files: tuple[str, ...]
    """Where the backend's own code is."""

    @classmethod
    def of(cls, target: BackendTarget, handle: StorageBackend) -> Origin:
        """The origin of a target whose handles are like this one.

        Raises ValueError for a target that no other process could make."""
        kind = type(target)
        file = getattr(sys.modules[kind.__module__], "__file__", None)
        if file is None or "<locals>" in kind.__qualname__:
            raise ValueError(
                f"{kind.__qualname__} must stand at the top level of a file, so that another "
                "process can load it"
            )
        state, libraries = target.__getstate__(), type(handle).__module__
        path, files = list(sys.path), backend_files(handle)
        return cls(kind.__module__, file, kind.__qualname__, state, path, libraries, files)

    def target(self) -> BackendTarget:
        """The target, made anew in this process."""
        sys.path[:] = self.path
        with suppress(ImportError):
            import_module(self.libraries)
        kind: Any = self._loaded()
        for name in self.kind.split("."):
            kind = getattr(kind, name)
        target: BackendTarget = kind.__new__(kind)
        vars(target).update(self.state or {})
        return target

    def _loaded(self) -> Any:
        with suppress(ImportError):
            module = import_module(self.module)
            if getattr(module, "__file__", None) == self.file:
                return module
        spec = importlib.util.spec_from_file_location(self.module, self.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot load {self.file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module


class Nursery:
    """The interpreter that forks children; started with the first child that is asked for."""

    def __init__(self, target: BackendTarget, handle: StorageBackend) -> None:
        self._origin = Origin.of(target, handle)
        self._folder = tempfile.TemporaryDirectory(prefix="pmcp-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None

    def child(self, watch: Watch) -> Child:
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


class Child:
    """A process with a handle on the target's storage, and the means to call and to kill it."""

    def __init__(self, connection: Connection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch
        self._asked = "the start"
        self._ended = False
        self.pid: int = self._received()

    def send(self, method: str, *args: Any, at: int = 0, **kwargs: Any) -> None:
        """Let the child call a method of its handle, not before the instant `at`.

        `at` is in nanoseconds of `time.monotonic_ns`, which all processes of a machine share.
        """
        self._asked = method
        self._connection.send((method, args, kwargs, at))

    def answer(self) -> Any:
        """What the call that was sent returned; raises what it raised."""
        result, error = self._received()
        if error is not None:
            raise error
        return result

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Send a call and wait for its answer."""
        self.send(method, *args, **kwargs)
        return self.answer()

    def dies(self, at: Place, method: str, *args: Any) -> str:
        """Let the child call a method, and kill itself when it comes to that place of the
        backend's code; return where it is, or "" if the call has ended before.

        The places of opening count, too, if it has not yet called any. Raises what the call raises.
        """
        self.send("step", at, True, [(method, args)])
        self._asked = method
        died_at = self.stopped()
        if died_at:
            list(self.rest())
            self.close()
        else:
            self.answer()
        return died_at

    def stopped(self) -> str:
        """The place where a step has stopped; "" if it has come to its end and has its answer."""
        place: str = self._received()
        return place

    def go_on(self) -> None:
        """Let a step that has stopped go on."""
        self._connection.send(None)

    def gives_way(self) -> None:
        """Wait until a call that was sent has come to its end, or waits for another process."""
        fell_asleep(self.pid, self._connection.poll)

    def answers(self, within: float) -> Iterator[Any]:
        """What arrives within that many seconds, and what was on its way when the child died."""
        deadline = time.monotonic() + within
        with suppress(EOFError, ConnectionResetError):
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                yield self._connection.recv()

    def kill(self) -> None:
        """SIGKILL, at once; never a second time, when the number may be another's."""
        if not self._ended:
            self._ended = True
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def rest(self) -> Iterator[Any]:
        """What a killed child had still sent."""
        return self.answers(within=5.0)

    def close(self) -> None:
        """End the child."""
        self._ended = True
        self._connection.close()

    def _received(self) -> Any:
        return self._watch.call(f"{self._asked} in another process", self._connection.recv)


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
                Servant(connection, target, origin.files).serve()
            connection.close()


def end_all(folder: Path) -> None:
    """End this process and all of its children, also those that hang; leave no folder behind."""
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
