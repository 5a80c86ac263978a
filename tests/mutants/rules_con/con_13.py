"""Mutants of CON-13."""

from __future__ import annotations

from mutants.postgres import PgBackend
from pmcp_storage import StorageBackend
from support.postgres_sessions import Pool
from support.tcp_store import TcpBackend, TcpTarget


class ConnectionsAreInherited(TcpTarget):
    """breaks CON-13: a forked process finds connections in the pool that it takes for its own, and
    the two read each other's answers.
    """

    def open(self) -> StorageBackend:
        return TcpBackend(*self.address())


class InheritedPool(Pool):
    """Keeps its connections in a forked process."""

    def _leave_to_parent(self) -> None:
        """Nothing is left to it."""


class SessionsAreInherited(PgBackend):
    """breaks CON-13: a pool of connections to PostgreSQL does not ask which process opened them."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self.pool = InheritedPool(self.connect)
