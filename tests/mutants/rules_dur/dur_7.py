"""Mutants of DUR-7."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from redis.exceptions import RedisError

from mutants.postgres import PgBackend
from mutants.postgres_target import PgTarget
from pmcp_conformance.targets.redis import RedisTarget
from pmcp_storage import BackendError, RedisBackend, TaskRecord
from support.postgres_server import PostgresServer, running
from support.postgres_sessions import Session
from support.redis_server import RedisServer

_SLOWNESS = 0.05
"""Seconds that a slow command takes to kill a server: less than PostgreSQL lets pass until it
writes its log by itself."""


class OwnRedis(RedisTarget):
    """A Redis of its own, with these settings, behind RedisBackend."""

    settings: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {"_url": self._url, "_prefix": self._prefix}

    def prepare(self) -> None:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self._server = self._stack.enter_context(RedisServer(folder, *self.settings))
        self._url = self._server.url

    def dispose(self) -> None:
        self._stack.close()

    def offers(self, back_door: str) -> bool:
        return back_door == "crash" or super().offers(back_door)

    def crash(self) -> None:
        self._server.kill()
        self._server.start()


class SavesNowAndThen(OwnRedis):
    """breaks DUR-7: Redis without its append-only file keeps what was there at the last snapshot,
    a minute or an hour ago.
    """

    settings = ("--appendonly", "no", "--save", "60 1")


class LoadsOnce(RedisBackend):
    """Calls a script by its digest before each write."""

    digest = ""

    def _write(self, record: TaskRecord, expected_version: int) -> Any:
        try:
            self.digest = self.digest or self._client.script_load("return 1")
            self._client.evalsha(self.digest, 0)
        except RedisError as error:
            raise BackendError(f"the script failed: {error}") from error
        return super()._write(record, expected_version)


class ForgottenScripts(OwnRedis):
    """breaks DUR-7: a handle loads its script once and calls it by its digest, which a server that
    was restarted does not know: the handle never works again.
    """

    answer_within = 2.0

    def _open(self, url: str, prefix: str = "") -> RedisBackend:
        return LoadsOnce.from_url(url, prefix or self._prefix)


class OwnPostgres(PgTarget):
    """A PostgreSQL of its own, which a crash does not take from others."""

    backend_kind: type[PgBackend] = PgBackend

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: PostgresServer = self._stack.enter_context(running())
        super().__init__(self.backend_kind, self._server.url())

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_stack", "_server")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def dispose(self) -> None:
        self._stack.close()

    def crash(self) -> None:
        self._server.kill()
        self._server.start()


class HastySession(PgBackend):
    """Waits for no write of the log."""

    def connect(self) -> Session:
        session = super().connect()
        session.execute("SET synchronous_commit = off")
        return session


class CommitsWithoutTheLog(OwnPostgres):
    """breaks DUR-7: sessions set synchronous_commit to off, for speed, and what was committed in
    the last half a second is gone after a crash.
    """

    backend_kind = HastySession


class CrashesLater(CommitsWithoutTheLog):
    """breaks DUR-7: commits do not wait for the log, and the command that kills the server takes so
    long that what was committed before it is in the log by then.
    """

    def crash(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute("CHECKPOINT")
        time.sleep(_SLOWNESS)
        super().crash()


class UnloggedBackend(PgBackend):
    """Keeps its table out of the log."""

    layout = PgBackend.layout.replace("CREATE TABLE", "CREATE UNLOGGED TABLE")


class TableIsUnlogged(OwnPostgres):
    """breaks DUR-7: the table is UNLOGGED, and empty after a crash."""

    backend_kind = UnloggedBackend
