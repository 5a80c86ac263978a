"""A model of PynamoDB with its version attribute; DynamoDB expires the items."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.attributes import TTLAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.exceptions import DoesNotExist, PynamoDBException
from pynamodb.models import Model

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


class TaskItem(Model):
    """A task; a subclass with a `Meta` says in which table."""

    owner_id = UnicodeAttribute(hash_key=True)
    task_id = UnicodeAttribute(range_key=True)
    data = UnicodeAttribute()
    expires_at = TTLAttribute(null=True)
    version = VersionAttribute()


class PynamoDbBackend(StorageBackend):
    """Tasks in the table of a model."""

    def __init__(self, model: type[TaskItem]) -> None:
        self._model = model

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with _errors():
            try:
                return _decoded(self._model.get(owner_id, task_id, consistent_read=True))
            except DoesNotExist:
                raise NotFoundError(owner_id, task_id) from None

    def _create(self, record: TaskRecord) -> int:
        item = self._item(record)
        try:
            with _errors():
                item.save()  # on condition that there is no version yet
        except _RefusedError as error:
            raise AlreadyExistsError(record.owner_id, record.task_id) from error
        return 1

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        item = self._item(record)
        item.version = expected_version
        try:
            with _errors():
                item.save()  # on condition that this is the stored version
        except _RefusedError as error:
            key = record.owner_id, record.task_id
            actual = self._get(*key).version
            raise ConcurrentModificationError(*key, expected_version, actual) from error
        return expected_version + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        item = self._model(owner_id, task_id)
        try:
            with _errors():
                item.delete(self._model.task_id.exists(), add_version_condition=False)
        except _RefusedError:
            return False
        return True

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        below = None if after is None else self._model.task_id < after
        with _errors():
            found = self._model.query(
                owner_id, below, scan_index_forward=False, limit=limit, consistent_read=True
            )
            return [_decoded(item) for item in found]

    def _cleanup_expired(self) -> int:
        return 0  # DynamoDB does it by itself

    def _item(self, record: TaskRecord) -> TaskItem:
        return self._model(
            record.owner_id, record.task_id, data=record.to_json(), expires_at=record.expires_at
        )


class _RefusedError(Exception):
    """The condition of a write did not hold."""


def _decoded(item: TaskItem) -> VersionedRecord:
    return read_row(item.owner_id, item.task_id, item.data, int(item.version))


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except PynamoDBException as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise _RefusedError from error
        raise BackendError(f"DynamoDB: {error}") from error
