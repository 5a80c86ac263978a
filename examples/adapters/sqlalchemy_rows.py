"""Rows of SQLAlchemy's ORM, whose versions it counts itself (`version_id_col`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, String, delete, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
    read_row,
)


class Base(DeclarativeBase):
    """What `Base.metadata.create_all(engine)` makes the tables of."""


class TaskRow(Base):
    __tablename__ = "tasks"

    owner_id: Mapped[str] = mapped_column(String(1024), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    data: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)  # in UTC
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy documents it


class SqlAlchemyBackend(StorageBackend):
    """Tasks in a table, through an engine of SQLAlchemy's that this handle disposes of."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session = sessionmaker(engine)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._transaction() as session:
            row = _row(session, owner_id, task_id)
            return read_row(owner_id, task_id, row.data, row.version)

    def _create(self, record: TaskRecord) -> int:
        try:
            with self._transaction() as session:
                session.add(_filled(TaskRow(), record))
        except IntegrityError as error:
            raise AlreadyExistsError(record.owner_id, record.task_id) from error
        return 1

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = record.owner_id, record.task_id
        try:
            with self._transaction() as session:
                row = _row(session, *key)
                if row.version != expected_version:
                    raise ConcurrentModificationError(*key, expected_version, row.version)
                _filled(row, record)
                session.flush()
                return row.version
        except StaleDataError as error:
            actual = self._get(*key).version
            raise ConcurrentModificationError(*key, expected_version, actual) from error

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self._transaction() as session:
            row = session.get(TaskRow, (owner_id, task_id))
            if row is None:
                return False
            session.delete(row)
            return True

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        query = select(TaskRow).where(TaskRow.owner_id == owner_id)
        if after is not None:
            query = query.where(TaskRow.task_id < after)
        with self._transaction() as session:
            rows = session.scalars(query.order_by(TaskRow.task_id.desc()).limit(limit))
            return [read_row(owner_id, row.task_id, row.data, row.version) for row in rows]

    def _cleanup_expired(self) -> int:
        now = datetime.now(UTC).replace(tzinfo=None)
        with self._transaction() as session:
            expired = delete(TaskRow).where(TaskRow.expires_at <= now).returning(TaskRow.task_id)
            return len(session.scalars(expired).all())

    def _close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with self._session.begin() as session:
                yield session
        except (IntegrityError, StaleDataError):
            raise
        except SQLAlchemyError as error:
            raise BackendError(str(error)) from error


def _row(session: Session, owner_id: str, task_id: str) -> TaskRow:
    row = session.get(TaskRow, (owner_id, task_id))
    if row is None:
        raise NotFoundError(owner_id, task_id)
    return row


def _filled(row: TaskRow, record: TaskRecord) -> TaskRow:
    expires_at = record.expires_at
    row.owner_id, row.task_id = record.owner_id, record.task_id
    row.data = record.to_json()
    row.expires_at = expires_at.replace(tzinfo=None) if expires_at else None
    return row
