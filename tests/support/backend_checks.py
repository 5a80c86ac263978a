"""What the tests of several backends do with each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    StorageBackend,
)
from support.records import make_record


def check_every_operation(backend: StorageBackend) -> None:
    """Call each operation where it succeeds and where it is refused."""
    record = make_record(variables={"n": 1})
    assert backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    assert backend.put_if_version(make_record(variables={"n": 2}), 1) == 2
    assert backend.put(make_record(variables={"n": 3})) == 3
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(record, 1)
    assert (refused.value.expected_version, refused.value.actual_version) == (1, 3)
    found = backend.get("o", "t")
    assert (found.record.variables, found.version) == ({"n": 3}, 3)
    assert backend.list_by_owner("o") == [found]
    assert backend.count_by_owner("o") == 1
    assert backend.delete("o", "t")
    assert not backend.delete("o", "t")
    with pytest.raises(NotFoundError):
        backend.get("o", "t")
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 3)
    assert backend.put(record) == 1
    assert backend.cleanup_expired() == 0


def check_corrupt_row(backend: StorageBackend) -> None:
    """The row of (o, t), which holds a secret, is reported without it, and can be deleted."""
    reads: list[Callable[[], object]] = [
        lambda: backend.get("o", "t"),
        lambda: backend.list_by_owner("o"),
    ]
    for read in reads:
        with pytest.raises(CorruptRecordError) as refused:
            read()
        assert (refused.value.owner_id, refused.value.task_id) == ("o", "t")
        assert "secret" not in f"{refused.value} {refused.value!r} {refused.value.__cause__}"
    assert backend.delete("o", "t")
    assert backend.list_by_owner("o") == []


def increment(backend: StorageBackend, times: int) -> None:
    """Add 1 to the variable n of (o, t) so many times, by compare-and-swap."""
    for _ in range(times):
        while not _incremented(backend):
            continue


def _incremented(backend: StorageBackend) -> bool:
    found = backend.get("o", "t")
    record = make_record(variables={"n": found.record.variables["n"] + 1})
    try:
        backend.put_if_version(record, found.version)
    except ConcurrentModificationError:
        return False
    return True
