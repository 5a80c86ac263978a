"""The target of a driver: its facts and back doors are those that the program declares.

Each process of the kit starts a program of its own, and another one where the last has broken the
protocol. One that the kit kills takes its program along.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import tempfile
import threading
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pmcp_conformance.driver.backend import Answer, DriverBackend, call
from pmcp_conformance.driver.messages import (
    PROTOCOL,
    Description,
    Nothing,
    Opened,
    Refusals,
    StoredExpiry,
)
from pmcp_conformance.driver.process import DriverError, DriverProcess, kill_group
from pmcp_conformance.target import BackendTarget, Refusal
from pmcp_storage import StorageBackend

DESCRIBED_WITHIN = 60.0
"""Seconds in which a driver must have answered its first request: a JVM may start slowly."""

ORIGIN = "driver: "
"""How the place begins that a report gives for a target of this kind."""

_STARTING = threading.Lock()
"""Held while a program is started, for threads may want the same one at the same time."""

FOLDER = "PMCP_DRIVER_DIR"
"""The environment variable that names the folder in which a driver keeps its files."""


class DriverTarget(BackendTarget):
    """A backend behind a driver, which this command line starts in that folder.

    What the driver says of itself is asked for by `describe`, in one process of a run.
    """

    in_process = False
    _process: DriverProcess | None = None

    def __init__(self, name: str, command: Sequence[str], folder: str) -> None:
        self.name = name
        self.command = tuple(command)
        self._started_in = folder
        self._root = ""
        self._address = ("", 0)
        self._methods: tuple[str, ...] = ()
        self._back_doors: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the program, which is this process's own."""
        return {name: value for name, value in vars(self).items() if name != "_process"}

    @property
    def origin(self) -> str:
        """Where the target comes from, as a report names it."""
        return f"{ORIGIN}{shlex.join(self.command)}"

    def describe(self) -> Description:
        """Ask the driver what it is, and take its facts and back doors.

        Raises DriverError if it does not tell.
        """
        self._root = tempfile.mkdtemp(prefix="pmcp-driver-", dir=_in_memory())
        for folder in ("storage", "processes"):
            (Path(self._root) / folder).mkdir()
        try:
            self._process = self._started(DESCRIBED_WITHIN)
            described = self._process.call("describe", Description, {"protocol": PROTOCOL})
            self._take(described)
        except BaseException:
            self.dispose()
            raise
        self._process.answer_within = self.answer_within
        return described

    def _take(self, described: Description) -> None:
        """Take what a driver says of itself."""
        vars(self).update(described.facts.model_dump())
        self._methods, self._back_doors = described.methods, described.back_doors
        if address := described.address:
            self._address = address.host, address.port
        elif self.offers("open_at"):
            raise DriverError("it describes the back door open_at and no address: add the address")

    def dispose(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
        shutil.rmtree(self._root, ignore_errors=True)

    def offers(self, back_door: str) -> bool:
        name = {"dispose_fresh": "open_fresh", "address": "open_at"}.get(back_door, back_door)
        return name in self._back_doors

    def open(self) -> StorageBackend:
        return self._opened("open", {})

    def open_fresh(self, token: str) -> StorageBackend:
        return self._opened("open_fresh", {"token": token})

    def dispose_fresh(self, token: str) -> None:
        self._call("dispose_fresh", Nothing, {"token": token})

    def open_misconfigured(self) -> StorageBackend:
        return self._opened("open_misconfigured", {})

    def address(self) -> tuple[str, int]:
        return self._address

    def open_at(self, host: str, port: int) -> StorageBackend:
        return self._opened("open_at", {"host": host, "port": port})

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        key = {"owner_id": owner_id, "task_id": task_id}
        self._call("plant", Nothing, {**key, "data": data, "version": f"{version}"})

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        key = {"owner_id": owner_id, "task_id": task_id}
        return self._call("stored_expiry", StoredExpiry, key).expires_at

    def crash(self) -> None:
        self._call("crash", Nothing, {})

    def refusals(self) -> Sequence[Refusal]:
        described = self._call("refusals", Refusals, {}).refusals
        return [Refusal(refused.reason, b64decode(refused.answer)) for refused in described]

    def processes(self) -> Sequence[int]:
        return [self._process.pid] if self._process else []

    def kill_processes_of(self, pid: int) -> None:
        try:
            with self._note_of(pid).open("r+") as note:
                if leader := note.read():
                    kill_group(int(leader))
                fcntl.flock(note, fcntl.LOCK_EX)  # which the driver holds for as long as it lives
        except FileNotFoundError:
            return  # that process has started none

    def _opened(self, method: str, params: Mapping[str, Any]) -> StorageBackend:
        process = self._running()
        opened = call(process, method, Opened, params)
        return DriverBackend(process, opened.handle, self._methods)

    def _call(self, method: str, answer: type[Answer], params: Mapping[str, Any]) -> Answer:
        return call(self._running(), method, answer, params)

    def _running(self) -> DriverProcess:
        """The program of this process of the kit, started with its first call."""
        with _STARTING:
            if self._process is None or not self._process.works:
                self._process = self._started(self.answer_within)
            return self._process

    def _started(self, answer_within: float) -> DriverProcess:
        with self._note_of(os.getpid()).open("w") as note:
            fcntl.flock(note, fcntl.LOCK_EX)
            process = DriverProcess(
                self.command,
                folder=self._started_in,
                environment={FOLDER: str(Path(self._root) / "storage")},
                held=note.fileno(),
                answer_within=answer_within,
            )
            note.write(f"{process.pid}")
        return process

    def _note_of(self, pid: int) -> Path:
        """The file that names the process group of the driver which that process has started."""
        return Path(self._root) / "processes" / f"{pid}"


def _in_memory() -> str | None:
    """A folder of a file system in memory, where the system has one: it makes no difference to what
    a kill leaves behind, and every write is faster."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
