"""`stored_expiry` of the shipped targets: what the storage holds, and a row that there is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mutants.dynamodb_target import DynamoDbMutantTarget
from mutants.harness import prepared
from mutants.postgres_target import server_url
from mutants.redis_target import RedisMutantTarget
from pmcp_conformance import BackendTarget
from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_conformance.targets.postgres import PostgresTarget
from pmcp_conformance.targets.sqlite import SqliteTarget
from pmcp_storage import NotFoundError
from support.records import make_record


@pytest.fixture(autouse=True)
def postgres(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["target"] is PostgresTarget:
        monkeypatch.setenv("PMCP_POSTGRES_URL", server_url())


TARGETS = [MemoryTarget, SqliteTarget, RedisMutantTarget, PostgresTarget, DynamoDbMutantTarget]


@pytest.mark.parametrize("target", TARGETS)
def test_a_stored_expiry_and_that_of_no_row(target: Callable[[], BackendTarget]) -> None:
    at = datetime(2100, 1, 1, tzinfo=UTC)
    with prepared(target()) as run:
        run.handle().create(make_record("a", expires_at=at))
        run.handle().create(make_record("b"))
        assert run.target.stored_expiry("o", "a") == at.timestamp()
        assert run.target.stored_expiry("o", "b") is None
        with pytest.raises(NotFoundError, match="'c'"):
            run.target.stored_expiry("o", "c")
        for task_id in "ab":
            run.handle().delete("o", task_id)
