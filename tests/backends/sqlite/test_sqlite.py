"""SqliteBackend: its operations, listings and cleanup. The kit tests the contract."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import (
    ConcurrentModificationError,
    SqliteBackend,
)
from pmcp_storage.backends.sqlite.statements import CLEANUP, PAGE
from support.backend_checks import check_every_operation
from support.records import NOW, make_record
from support.sqlite_support import execute


def test_every_operation(backend: SqliteBackend) -> None:
    check_every_operation(backend)


def test_a_refused_write_changes_nothing(backend: SqliteBackend) -> None:
    backend.put(make_record(variables={"n": 1}))
    before = backend.get("o", "t")
    for expected in (2, 2**62, 2**63, 10**30):
        with pytest.raises(ConcurrentModificationError):
            backend.put_if_version(make_record(variables={"n": 2}), expected)
    assert backend.get("o", "t") == before


def test_versions_are_exact_up_to_2_62(backend: SqliteBackend, path: Path) -> None:
    backend.put(make_record())
    execute(path, "UPDATE tasks SET version = ?", 2**62 - 1)
    assert backend.put_if_version(make_record(), 2**62 - 1) == 2**62
    assert backend.get("o", "t").version == 2**62
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(make_record(), 2**62 - 1)
    assert refused.value.actual_version == 2**62


def test_listings_are_in_descending_order_by_code_point(backend: SqliteBackend) -> None:
    ids = [
        "a",
        "A",
        "é",
        "e\u0301",
        "\U0001f600",
        "\uffff",
        "\x01",
        "a\n",
        "a ",
        "%",
        "_",
        "9",
        "10",
    ]
    for task_id in ids:
        backend.create(make_record(task_id))
    backend.create(make_record("other", owner_id="o2"))
    expected = sorted(ids, reverse=True)
    assert [found.record.task_id for found in backend.list_by_owner("o")] == expected
    assert [found.record.task_id for found in backend.list_by_owner("o", after="a0")] == [
        task_id for task_id in expected if task_id < "a0"
    ]
    pages = [found.record.task_id for found in backend.list_by_owner("o", limit=10**30)]
    assert pages == expected


def test_count_is_exact_to_the_microsecond(backend: SqliteBackend) -> None:
    microsecond = timedelta(microseconds=1)
    for number, expires_at in enumerate((None, NOW - microsecond, NOW, NOW + microsecond)):
        backend.create(make_record(str(number), expires_at=expires_at))
    assert backend.count_by_owner("o") == 4
    assert backend.count_by_owner("o", at_most=3) == 3
    assert backend.count_by_owner("o", live_at=NOW) == 2
    assert backend.count_by_owner("o", live_at=NOW, at_most=1) == 1
    assert backend.count_by_owner("o", at_most=10**30) == 4
    edge = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert backend.count_by_owner("o", live_at=edge) == 1


def fill(path: Path, count: int, owner_id: str = "o") -> None:
    """Copy the row (o, t) `count` times, under ids that are numbers."""
    execute(
        path,
        """WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
           INSERT INTO tasks SELECT ?, printf('%09d', i), status, version, expires_at,
                  replace(replace(data, '"t"', printf('"%09d"', i)), '"o"', '"' || ? || '"')
           FROM tasks, n WHERE owner_id = 'o' AND task_id = 't'""",
        *(count, owner_id, owner_id),
    )


def test_cleanup_removes_what_has_expired_and_nothing_else(
    backend: SqliteBackend, path: Path
) -> None:
    backend.create(make_record(expires_at=datetime(1970, 1, 1, tzinfo=UTC)))
    fill(path, 2345)
    backend.create(make_record("x", expires_at=datetime(9999, 12, 31, tzinfo=UTC)))
    backend.create(make_record("y"))
    assert backend.count_by_owner("o") == 2348
    assert backend.cleanup_expired() == 2346
    assert backend.cleanup_expired() == 0
    assert [found.record.task_id for found in backend.iter_by_owner("o")] == ["y", "x"]


def test_expired_records_stay_until_cleanup(backend: SqliteBackend) -> None:
    backend.create(make_record(expires_at=NOW))
    assert backend.get("o", "t").version == 1
    assert backend.put(make_record()) == 2
    assert backend.cleanup_expired() == 0


def plan(path: Path, statement: str, *values: Any) -> str:
    return " ".join(row[3] for row in execute(path, f"EXPLAIN QUERY PLAN {statement}", *values))


def test_listing_and_cleanup_use_an_index(backend: SqliteBackend, path: Path) -> None:
    backend.create(make_record())
    listing = plan(path, PAGE, "o", "t", 50)
    assert "SEARCH tasks USING INDEX" in listing
    assert "TEMP B-TREE" not in listing
    assert "USING COVERING INDEX tasks_by_expiry" in plan(path, CLEANUP, 0, 1)


def test_a_page_costs_the_same_among_few_and_many_records(
    backend: SqliteBackend, path: Path
) -> None:
    backend.create(make_record())
    fill(path, 100)
    few = steps_of_a_page(backend)
    execute(path, "DELETE FROM tasks WHERE task_id <> 't'")
    fill(path, 20_000)
    fill(path, 1_000, owner_id="o2")
    assert steps_of_a_page(backend) == few


def steps_of_a_page(backend: SqliteBackend) -> int:
    """The steps of SQLite's machine that a page of 50 takes, planning included."""
    steps = itertools.count()
    with backend._pool.connection() as db:
        db.set_progress_handler(lambda: next(steps) < 0, 1)
    assert len(backend.list_by_owner("o", limit=50, after="000000070")) == 50
    return next(steps)
