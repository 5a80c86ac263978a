"""Mutants of RES-1."""

from __future__ import annotations

import fcntl
import os
import os.path
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, ClassVar

from mutants.base import (
    MutantTarget,
)
from mutants.files import FileLock, FileStorage, FileTarget
from mutants.postgres import PgBackend, values
from mutants.postgres_target import PgTarget
from pmcp_storage import (
    AlreadyExistsError,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
)
from support import tcp_store
from support.postgres_sessions import Session
from support.tcp_store import (
    TcpBackend,
    TcpTarget,
)


class KeepsTheTimedOut(TcpBackend):
    """Keeps connections whose answers have not come, also beyond its own end."""

    kept: ClassVar[list[socket.socket]] = []

    def discard(self, connection: socket.socket) -> None:
        if isinstance(sys.exception(), TimeoutError):
            self.kept.append(connection)
        else:
            super().discard(connection)


class ServedElsewhere(TcpTarget):
    """Its server is a process of its own, so that what this one holds is the client's alone."""

    def prepare(self) -> None:
        serve = "print(TcpServer().server_address[1], flush=True)"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from support.tcp_server import TcpServer; {serve}; input()"],
            cwd=Path(tcp_store.__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._address = ("127.0.0.1", int(self._process.stdout.readline()))

    def dispose(self) -> None:
        self._process.kill()
        self._process.communicate()


class TimedOutConnectionsStay(ServedElsewhere):
    """breaks RES-1: a connection whose answer has timed out is put aside, lest the answer come
    late, and nobody ever closes it.
    """

    def __init__(self) -> None:
        super().__init__(KeepsTheTimedOut)

    def dispose(self) -> None:
        while KeepsTheTimedOut.kept:
            KeepsTheTimedOut.kept.pop().close()
        super().dispose()


class ThreadPerHandle(MutantTarget):
    """breaks RES-1: each handle starts a thread for its cleanup and close does not end it."""

    def __init__(self) -> None:
        super().__init__()
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    def open(self) -> StorageBackend:
        self._threads.append(threading.Thread(target=self._end.wait, daemon=True))
        self._threads[-1].start()
        return super().open()

    def dispose(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


class FilePerHandle(MutantTarget):
    """breaks RES-1: each handle opens a lock file, and close forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self._files: list[IO[str]] = []

    def open(self) -> StorageBackend:
        self._files.append(open(os.devnull))  # noqa: SIM115
        return super().open()

    def dispose(self) -> None:
        for file in self._files:
            file.close()


class FilePerListing(MutantTarget):
    """breaks RES-1: a listing leaves a cursor open that lives on in a list of all cursors."""

    def __init__(self) -> None:
        super().__init__()
        self._files: list[IO[str]] = []

    def open(self) -> StorageBackend:
        files = self._files

        class Leaking(InMemoryBackend):
            def _delete(self, owner_id: str, task_id: str) -> bool:
                files.append(open(os.devnull))  # noqa: SIM115
                return super()._delete(owner_id, task_id)

        return Leaking(self._storage)

    def dispose(self) -> None:
        for file in self._files:
            file.close()


class ForgetfulLock(FileLock):
    """Unlocks in any case, and closes its file only where all went well."""

    forgotten: ClassVar[list[int]] = []

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            super().__exit__()
        else:
            self.forgotten.append(self._held)
            fcntl.flock(self._held, fcntl.LOCK_UN)


class ForgetfulStorage(FileStorage):
    """Guarded by such a lock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = ForgetfulLock(folder / "lock")


class FilePerRefusal(FileTarget):
    """breaks RES-1: whenever a write is refused, the lock's file is unlocked and stays open: an
    exception skips the line that closes it.
    """

    storage = ForgetfulStorage

    def dispose(self) -> None:
        while ForgetfulLock.forgotten:
            os.close(ForgetfulLock.forgotten.pop())
        super().dispose()


class LosesTheSession(PgBackend):
    """Gives a connection back where all went well, and forgets one by which create is refused."""

    lent: ClassVar[list[Session]] = []

    def _create(self, record: TaskRecord) -> int:
        self.lent.append(session := self.take())
        if not self.run(session, "{insert} ON CONFLICT DO NOTHING", **values(record)).changed:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        self.lent.remove(session)
        self.give_back(session)
        return 1


class RefusalsLoseTheSession(PgTarget):
    """breaks RES-1: a connection by which a write was refused never goes back to the pool: an
    exception passes by the line that gives it back.
    """

    def __init__(self) -> None:
        super().__init__(LosesTheSession)

    def dispose(self) -> None:
        while LosesTheSession.lent:
            LosesTheSession.lent.pop().close()
        super().dispose()
