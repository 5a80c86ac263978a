"""What every change of a task in the store has in common: times, requests, unknown fields."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pmcp_storage import (
    GenericTaskStore,
)
from support.records import make_record
from support.store_support import CHANGES, HOUR, OPERATIONS, CountingBackend


@pytest.mark.parametrize("name", CHANGES)
def test_unknown_fields_survive_every_change(backend: CountingBackend, name: str) -> None:
    record = make_record(inputRequests={"q": [1]})
    task = record.task.model_copy(update={"inputResponses": {"a": None}})
    record = record.model_copy(update={"task": task})
    backend.create(record)
    OPERATIONS[name](GenericTaskStore(backend), "o")
    stored = backend.get("o", "t").record
    assert stored != record
    assert stored.__pydantic_extra__ == {"inputRequests": {"q": [1]}}
    assert stored.task.__pydantic_extra__ == {"inputResponses": {"a": None}}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_sets_the_time_of_update_and_leaves_the_expiry(
    backend: CountingBackend, name: str
) -> None:
    old = datetime.now(UTC) - HOUR
    backend.create(make_record(created_at=old, last_updated_at=old, expires_at=old + 2 * HOUR))
    before = backend.get("o", "t").record
    now = datetime.now(UTC).replace(microsecond=0)
    OPERATIONS[name](GenericTaskStore(backend), "o")
    after = backend.get("o", "t").record
    assert after.task.last_updated_at >= now
    assert (after.expires_at, after.task.created_at) == (before.expires_at, before.task.created_at)


@pytest.mark.parametrize("name", CHANGES)
def test_a_clock_set_back_does_not_set_the_time_of_update_back(
    backend: CountingBackend, name: str
) -> None:
    ahead = datetime.now(UTC) + HOUR / 2
    backend.create(make_record(last_updated_at=ahead))
    before = backend.get("o", "t").record.task.last_updated_at
    OPERATIONS[name](GenericTaskStore(backend), "o")
    assert backend.get("o", "t").record.task.last_updated_at == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_takes_two_requests(backend: CountingBackend, name: str) -> None:
    backend.create(make_record())
    backend.requests.clear()
    OPERATIONS[name](GenericTaskStore(backend), "o")
    assert backend.requests == {"get": 1, "put_if_version": 1}
