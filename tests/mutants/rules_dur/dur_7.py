"""Mutants of DUR-7."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mutants.postgres import PgBackend
from mutants.postgres_target import PgTarget
from pmcp_conformance.targets.redis import RedisTarget
from support.postgres_server import PostgresServer, running
from support.postgres_sessions import Session
from support.redis_server import RedisServer


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


class UnloggedBackend(PgBackend):
    """Keeps its table out of the log."""

    layout = PgBackend.layout.replace("CREATE TABLE", "CREATE UNLOGGED TABLE")


class TableIsUnlogged(OwnPostgres):
    """breaks DUR-7: the table is UNLOGGED, and empty after a crash."""

    backend_kind = UnloggedBackend
