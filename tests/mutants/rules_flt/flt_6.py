"""Mutants of FLT-6."""

from __future__ import annotations

import socket
import threading

from mutants.postgres import PgBackend
from support.postgres_sessions import Session
from support.tcp_server import Message
from support.tcp_store import RefusedError, Reply, TcpBackend


class KeepsBrokenConnections(TcpBackend):
    """breaks FLT-6: a connection that has failed goes back to the pool and is used forever."""

    def discard(self, connection: socket.socket) -> None:
        with self._lock:
            self._idle.append(connection)


class GivesUpForGood(TcpBackend):
    """breaks FLT-6: a circuit breaker that opens when the store is away and never closes."""

    broken = False

    def connection(self) -> socket.socket:
        if self.broken:
            raise RefusedError("the store is down")
        try:
            return super().connection()
        except RefusedError:
            self.broken = True
            raise


class LosesPlaces(TcpBackend):
    """A limited connection pool, which loses a place with each call that ends in this error."""

    places = 8
    lost_with: type[Exception] = TimeoutError
    patience = TcpBackend.timeout

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._places = threading.Semaphore(self.places)

    def attempt(self, request: Message) -> Message:
        if not self._places.acquire(timeout=self.patience):
            raise RefusedError("all connections are in use")
        try:
            answer = super().attempt(request)
        except self.lost_with:
            raise
        except BaseException:
            self._places.release()
            raise
        self._places.release()
        return answer


class LosesAPlaceWithEachTimeout(LosesPlaces):
    """breaks FLT-6: a pool of eight places, in which a request that times out never gives its place
    back.
    """


class DoubtStays(TcpBackend):
    """breaks FLT-6: a flag that an answer was lost belongs to the handle and is never cleared: from
    then on every conflict is reported as unknown.
    """

    doubt = False

    def exchange(self, request: Message) -> Reply:
        writes = request["do"] not in ("get", "list")
        try:
            reply = super().exchange(request)
        except (OSError, ValueError) as error:
            self.doubt |= writes and not isinstance(error, RefusedError)
            raise
        self.doubt |= writes and reply.unsure
        return reply._replace(unsure=self.doubt)


class LosesAPlaceWithEachRefusal(LosesPlaces):
    """breaks FLT-6: a pool of 24 places, in which a place is taken before a connection is made, and
    is not given back when none can be made.
    """

    places = 24
    lost_with = RefusedError
    patience = 0.1


class KeepsBrokenSessions(PgBackend):
    """breaks FLT-6: a connection that has broken goes back to the pool, and fails for ever."""

    def take(self) -> Session:
        return self.pool.idle.pop() if self.pool.idle else super().take()

    def give_back(self, session: Session) -> None:
        self.pool.keep(session)
