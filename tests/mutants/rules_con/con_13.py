"""Mutants of CON-13."""

from __future__ import annotations

from itertools import count

from mutants.postgres import Locking, PgBackend, values
from pmcp_storage import AlreadyExistsError, BackendError, TaskRecord
from support.postgres_sessions import Session


class AdvisoryLocksCollide(Locking):
    """breaks CON-13: create tries an advisory lock on a hash of the task_id, and takes its failure
    to mean that another creates this very record: so it is with every key of the same hash.
    """

    lock = "SELECT pg_try_advisory_xact_lock(hashtext('{table}'), hashtext(%(task)s) %% 16)"

    def _create(self, record: TaskRecord) -> int:
        with self.transaction() as session:
            is_free = self.run(session, self.lock, **values(record)).rows[0][0]
            insert = "{insert} ON CONFLICT DO NOTHING"
            if not is_free or not self.run(session, insert, **values(record)).changed:
                raise AlreadyExistsError(record.owner_id, record.task_id)
        return 1


class SearchPathOfTheFirstSession(PgBackend):
    """breaks CON-13: the search path is set once, on the connection that the handle opens first; by
    those that it opens when several threads call it, the table is not found.
    """

    layout = PgBackend.layout.replace("{table}", "{schema}.tasks")

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self.table, self.schema = "tasks", schema
        self._numbers = count()

    def connect(self) -> Session:
        session = super().connect()
        if not next(self._numbers):
            session.execute(self.sql("SET search_path TO {schema}"))
        return session


class PoolDoesNotWait(PgBackend):
    """breaks CON-13: the pool has two connections, and whoever finds both taken gets an error at
    once: with a limit and no time to wait, or one that the server sets by max_connections.
    """

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self._places = [None] * 2

    def take(self) -> Session:
        try:
            self._places.pop()
        except IndexError:
            raise BackendError("all connections are in use") from None
        return super().take()

    def give_back(self, session: Session) -> None:
        super().give_back(session)
        self._places.append(None)
