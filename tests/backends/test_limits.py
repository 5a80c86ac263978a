"""Numbers beyond 64 bits, and beyond what CPython prints, in versions, limits and messages."""

from __future__ import annotations

import pickle
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    InvalidTtlError,
    SqliteBackend,
    StorageBackend,
    StoreConfig,
    TaskConflictError,
)
from support.records import make_record

NUMBERS = {
    "2**63 - 1": 2**63 - 1,
    "2**63": 2**63,
    "2**64 + 1": 2**64 + 1,
    "39 digits": 10**38,
    "4401 digits": 10**4400,
}
numbers = pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    kinds: dict[str, Callable[[], StorageBackend]] = {
        "memory": InMemoryBackend,
        "sqlite": lambda: SqliteBackend(tmp_path / "tasks.db"),
    }
    with kinds[request.param]() as backend:
        backend.create(make_record())
        yield backend


@pytest.fixture(params=[640, 4300, 0], ids=lambda digits: f"{digits} digits")
def _printable(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(request.param)
    yield
    sys.set_int_max_str_digits(before)


@numbers
@pytest.mark.usefixtures("_printable")
def test_a_stale_version_is_a_conflict_however_long(backend: StorageBackend, number: int) -> None:
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(make_record(), number)
    error = refused.value
    assert (error.expected_version, error.actual_version) == (number, 1)
    assert "is at version 1, not " in str(error)
    assert "ConcurrentModificationError('o', 't', " in repr(error)
    assert pickle.loads(pickle.dumps(error)).expected_version == number
    assert backend.get("o", "t").version == 1


@numbers
@pytest.mark.usefixtures("_printable")
def test_wrong_numbers_are_named(backend: StorageBackend, number: int) -> None:
    for wrong in (
        lambda: backend.put_if_version(make_record(), -number),
        lambda: backend.list_by_owner("o", limit=-number),
        lambda: backend.count_by_owner("o", at_most=-number),
    ):
        with pytest.raises(ValueError, match=r"^(expected_version|limit|at_most) must be at least"):
            wrong()


@numbers
def test_limits_beyond_all_records(backend: StorageBackend, number: int) -> None:
    assert len(backend.list_by_owner("o", limit=number)) == 1
    assert backend.count_by_owner("o", at_most=number) == 1


@pytest.mark.usefixtures("_printable")
def test_the_errors_of_a_store_can_be_printed() -> None:
    conflict = TaskConflictError("o", "t", 10**5000, 1)
    assert "from version an integer of 16610 bits to 1" in str(conflict)
    assert "an integer of 16610 bits" in repr(conflict)
    ttl = InvalidTtlError(-(10**5000), 5)
    assert "not an integer of 16610 bits" in f"{ttl} {ttl!r}"
    with pytest.raises(ValueError, match=r"max_string_bytes \(an integer of 16610 bits\) must not"):
        StoreConfig(max_string_bytes=10**5000)


def test_the_highest_version_of_sqlite_is_the_last(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE tasks SET version = ?", (2**63 - 2,))
        assert backend.put(make_record()) == 2**63 - 1
        with pytest.raises(BackendError, match="at the highest version that SQLite can hold"):
            backend.put(make_record())
        with pytest.raises(BackendError, match="at the highest version that SQLite can hold"):
            backend.put_if_version(make_record(), 2**63 - 1)
        assert backend.get("o", "t").version == 2**63 - 1
        assert backend.delete("o", "t")
        assert backend.create(make_record()) == 1
