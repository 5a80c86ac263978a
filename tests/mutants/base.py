"""What mutants in memory share: a target for any broken class, and correct backends to break."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    GenericTaskStore,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class MutantTarget(MemoryTarget):
    """The reference's target, with another backend, storage or task store in it."""

    backend: type[InMemoryBackend] = InMemoryBackend
    storage: type[MemoryStorage] = MemoryStorage

    def __init__(
        self,
        backend: type[InMemoryBackend] | None = None,
        storage: type[MemoryStorage] | None = None,
        store: type[GenericTaskStore] | None = None,
        async_store: type[AsyncTaskStore] | None = None,
    ) -> None:
        super().__init__()
        self.store_class = store or self.store_class
        self.async_store_class = async_store
        self.backend = backend or self.backend
        self.storage = storage or self.storage
        self._storage = self.storage()

    def open(self) -> StorageBackend:
        return self.backend(self._storage)

    def open_fresh(self, token: str) -> StorageBackend:
        return self.backend(self._fresh.setdefault(token, self.storage()))


def key_of(record: TaskRecord) -> Key:
    return record.owner_id, record.task_id


def now() -> datetime:
    return datetime.now(UTC)


class Seamed(InMemoryBackend):
    """A correct backend with helpers that look into its storage."""

    def row(self, key: Key) -> Row | None:
        with self._storage.lock:
            return self._storage.rows.get(key)

    def version(self, key: Key) -> int:
        """The stored version; 0 where there is none."""
        row = self.row(key)
        return 0 if row is None else row.version

    def overwrite(self, key: Key, **changes: Any) -> None:
        """Change parts of a stored row without going through an operation."""
        with self._storage.lock:
            if key in self._storage.rows:
                self._storage.write(key, self._storage.rows[key]._replace(**changes))

    def expired(self, key: Key) -> bool:
        row = self.row(key)
        return row is not None and row.expires_at is not None and row.expires_at <= now()


class Altering(Seamed):
    """Stores what `altered` makes of a record."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        return record

    def _create(self, record: TaskRecord) -> int:
        return super()._create(self.altered(record))

    def _put(self, record: TaskRecord) -> int:
        return super()._put(self.altered(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(self.altered(record), expected_version)


class Recoding(Altering):
    """Stores variables and result as `key` and `value` make them, from the innermost outwards."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        variables = {self.key(key): self._walk(value) for key, value in record.variables.items()}
        return record.model_copy(
            update={"variables": variables, "result": self._walk(record.result)}
        )

    def key(self, key: str) -> str:
        return key

    def value(self, value: Any) -> Any:
        return value

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = {self.key(key): self._walk(child) for key, child in value.items()}
        elif isinstance(value, list):
            value = [self._walk(child) for child in value]
        return self.value(value)


class Merging(Seamed):
    """Lets `over_former` take over parts of the former record, as `merged` says."""

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record

    def over_former(self, record: TaskRecord) -> TaskRecord:
        try:
            former = self._get(*key_of(record)).record
        except NotFoundError:
            return record
        return self.merged(former, record)


class Overflowing(Seamed):
    """Keeps large data in another place, which is read first, for all handles of a storage."""

    limit = 256 * 1024

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._large: dict[Key, str] = vars(self._storage).setdefault("large", {})

    def note(self, record: TaskRecord) -> None:
        """Keep the data there, or drop what is kept."""
        data = record.to_json()
        if len(data) > self.limit:
            self._large[key_of(record)] = data
        else:
            self._large.pop(key_of(record), None)

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        self.note(record)
        return version

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self.note(record)
        return version

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        self.note(record)
        return version

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        data = self._large.get((owner_id, task_id))
        return found if data is None else read_row(owner_id, task_id, data, found.version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._large.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class Blobs(Seamed):
    """Keeps large contents in blobs that are named by their hash, of which `drop` removes one."""

    limit = 64 * 1024

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._removed: set[str] = vars(self._storage).setdefault("removed", set())

    def content(self, data: str) -> str:
        """What a record's blob holds."""
        return data

    def drop(self, row: Row | None) -> None:
        """Remove the blob that a former row had."""
        if row is not None and len(content := self.content(row.data)) > self.limit:
            self._removed.add(content)

    def _create(self, record: TaskRecord) -> int:
        self._removed.discard(self.content(record.to_json()))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._removed.discard(self.content(record.to_json()))
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._removed.discard(self.content(record.to_json()))
        return super()._put_if_version(record, expected_version)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if self.content(found.record.to_json()) in self._removed:
            raise BackendError("the record's blob is missing")
        return found


class SharedBlobs(Blobs):
    """Of a record only variables and result lie in a blob, which others may have as well."""

    def content(self, data: str) -> str:
        fields = json.loads(data)
        return json.dumps([fields["variables"], fields["result"]])


class CollatedRows(dict[Key, Row]):
    """Rows found under a collation: a spelling that it folds alike names the same row."""

    def __init__(self, storage: CollatedStorage) -> None:
        super().__init__()
        self._fold = storage.folded

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and super().__contains__(self._fold(key))

    def __getitem__(self, key: Key) -> Row:
        return super().__getitem__(self._fold(key))

    def __setitem__(self, key: Key, row: Row) -> None:
        super().__setitem__(self._fold(key), row)

    def get(self, key: Key, default: Any = None) -> Any:
        return super().get(self._fold(key), default)

    def pop(self, key: Key, default: Any = None) -> Any:
        return super().pop(self._fold(key), default)


class CollatedStorage(MemoryStorage):
    """Keeps rows by their folded keys, as a primary key under a collation does."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = CollatedRows(self)

    def fold(self, text: str) -> str:
        return text

    def folded(self, key: Key) -> Key:
        return self.fold(key[0]), self.fold(key[1])
