"""What a target declares of its numbers and its nesting is tried as declared, and no further."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)


def as_javascript_does(text: str) -> Any:
    """What JSON.parse and JSON.stringify make of a number."""
    double = float(text)
    return int(double) if double.is_integer() and abs(double) < 1e21 else double


class Doubles(InMemoryBackend):
    """Has every number of a record pass through a double."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        return VersionedRecord(through_doubles(found.record), found.version)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [VersionedRecord(through_doubles(found.record), found.version) for found in page]


def through_doubles(record: TaskRecord) -> TaskRecord:
    as_double = as_javascript_does
    read = json.loads(record.to_json(), parse_int=as_double, parse_float=as_double)
    return TaskRecord.from_json(json.dumps(read))


class DoublesTarget(MemoryTarget):
    name = "doubles"

    def open(self) -> StorageBackend:
        return Doubles(self._storage)


@pytest.mark.parametrize("rule", ["VAL-1", "VAL-2"])
@pytest.mark.parametrize(
    ("declared", "outcome"),
    [("any", Outcome.FAILED), ("64 bits", Outcome.FAILED), ("2^53", Outcome.PASSED)],
)
def test_integers_are_exact_as_far_as_declared(rule: str, declared: str, outcome: Outcome) -> None:
    target = DoublesTarget()
    target.integers = declared
    result = run_rule(catalogue()[rule], TargetRun(target))
    assert result.outcome is outcome, result.finding


def levels(value: Any) -> int:
    """How deep the lists and objects of a value are nested."""
    if not isinstance(value, list | dict):
        return 0
    members = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels, members), default=0)


class Shallow(InMemoryBackend):
    """Refuses what is nested deeper than 20 levels, as parsers with a limit do."""

    def _create(self, record: TaskRecord) -> int:
        return super()._create(checked(record))

    def _put(self, record: TaskRecord) -> int:
        return super()._put(checked(record))


def checked(record: TaskRecord) -> TaskRecord:
    if max(levels(record.variables), levels(record.result)) > 20:
        raise BackendError("it is nested too deeply; nothing was written")
    return record


class ShallowTarget(MemoryTarget):
    name = "shallow"

    def open(self) -> StorageBackend:
        return Shallow(self._storage)


@pytest.mark.parametrize(
    ("declared", "outcome"),
    [(64, Outcome.FAILED), (21, Outcome.FAILED), (20, Outcome.PASSED)],
)
def test_nesting_is_tried_as_deep_as_declared(declared: int, outcome: Outcome) -> None:
    target = ShallowTarget()
    target.max_nesting = declared
    result = run_rule(catalogue()["VAL-6"], TargetRun(target))
    assert result.outcome is outcome, result.finding
