"""VAL: what is stored comes back equal and of the same kind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields, successive_writes
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import (
    expect,
    expect_absent,
    expect_listed,
    expect_raises,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.generators import corpus
from pmcp_storage import RecordTooLargeError, Task, TaskRecord, TaskStatus


@rule("VAL-1")
def every_field(trial: Trial) -> None:
    """Every field of a record comes back equal, whether it is set or absent."""
    owner = trial.owner()
    full = full_fields(trial, owner)
    expect_round_trip(trial, **full)
    for field in full:
        expect_round_trip(trial, **{name: full[name] for name in full if name != field})
    expect_round_trip(trial, variables={}, expires_at=None)
    expect_round_trip(trial, request_method="")
    now = datetime.now(UTC)
    for status in TaskStatus:
        for message in (None, "", "done"):
            task = Task(
                task_id="task",
                status=status,
                status_message=message,
                created_at=now,
                last_updated_at=now + timedelta(seconds=1),
                ttl=0 if message == "" else None,
                poll_interval=0 if message == "" else None,
                meta={} if message == "" else None,
            )
            record = trial.store_record(trial.owner(), task=task)
            expect_stored(trial, record, 1)


@rule("VAL-2")
def numbers_of_any_size(trial: Trial) -> None:
    """Integers of up to hundreds of digits and the whole range of floats come back equal and of
    the same kind; True is not 1, 1 is not 1.0.
    """
    expect_round_trip(trial, **payload(corpus.values.BIG_INTEGERS))
    expect_round_trip(trial, **payload(corpus.values.FLOATS))
    expect_round_trip(trial, **payload([True, 1, 1.0, False, 0, 0.0, -0.0, "1", None]))
    expect_round_trip(trial, result=1.0)
    expect_round_trip(trial, result=True)
    expect_round_trip(trial, result=0)
    for value in corpus.values.BIG_INTEGERS[-3:]:
        expect_round_trip(trial, result=value)


@rule("VAL-3")
def strings(trial: Trial) -> None:
    """Strings of any Unicode come back equal: empty, astral, escapes, U+0000, U+2028, CRLF, very
    long.
    """
    values = [sample.value for sample in corpus.values.STRINGS]
    brief = [value for value in values if len(value) < 1000]
    expect_round_trip(trial, **payload(brief))
    for value in set(values) - set(brief):
        expect_round_trip(trial, variables={"long": value})
    now = datetime.now(UTC)
    for value in brief:
        task = Task(
            task_id="task",
            status=TaskStatus.WORKING,
            status_message=value,
            created_at=now,
            last_updated_at=now,
        )
        record = trial.store_record(trial.owner(), task=task, request_method=value)
        expect_stored(trial, record, 1)


@rule("VAL-4")
def empty_values(trial: Trial) -> None:
    """true, false, null, empty lists and empty objects come back as themselves, at any depth."""
    empties: list[Any] = [True, False, None, [], {}, "", 0]
    for value in empties:
        expect_round_trip(trial, result=value, variables={"value": value})
    members = {f"member {number}": value for number, value in enumerate(empties)}
    expect_round_trip(
        trial, **payload([empties, [empties], members, {"deep": {"er": empties, **members}}])
    )
    expect_round_trip(trial, variables={}, result=None)


@rule("VAL-5")
def object_keys(trial: Trial) -> None:
    """Object keys come back verbatim: "", "a.b", "$ref", "__proto__", "_id", keys that differ by
    case.
    """
    keys = {sample.value: number for number, sample in enumerate(corpus.values.OBJECT_KEYS)}
    expect_round_trip(trial, variables=keys, result=keys)
    expect_round_trip(trial, variables={"deep": [keys, {"er": keys}]})


@rule("VAL-6")
def nesting(trial: Trial) -> None:
    """Nesting 64 levels deep comes back equal."""
    for kind in (list, dict):
        value = corpus.values.nested(62, by=kind)
        expect_round_trip(
            trial, variables={"value": value}, result=corpus.values.nested(64, by=kind)
        )


@rule("VAL-7")
def instants(trial: Trial) -> None:
    """expires_at keeps its microseconds, and an instant written in another UTC offset is the same
    instant.
    """
    base = (datetime.now(UTC) + timedelta(minutes=40)).replace(microsecond=0)
    for micros in (0, 1, 999_999, 123_456, 500_000, 999_500):
        expect_round_trip(trial, expires_at=base.replace(microsecond=micros))
    for hours in (-12, 5.75, 14):
        zone = timezone(timedelta(hours=hours))
        record = trial.store_record(trial.owner(), expires_at=base.astimezone(zone))
        found = trial.backend.get(record.owner_id, "task").record.expires_at
        expect(found == base, f"the instant {base}", str(found))


@rule("VAL-8")
def the_largest_record(trial: Trial) -> None:
    """A record of max_record_bytes comes back equal, through get and through a listing."""
    owner = trial.owner()
    record = trial.sized(owner, "task", trial.target.max_record_bytes)
    for version, write in enumerate(successive_writes(trial.backend), start=1):
        expect_returns(version, write, record)
        expect_stored(trial, record, version)
        expect_listed(trial, owner, record)


@rule("VAL-9", facts=("storage_limit_bytes",))
def a_record_over_the_limit(trial: Trial) -> None:
    """A record over storage_limit_bytes raises RecordTooLargeError and leaves the stored record
    unchanged.
    """
    owner = trial.owner()
    size = (trial.target.storage_limit_bytes or 0) + 1
    former = trial.store_record(owner)
    large = trial.sized(owner, "task", size)
    absent = trial.sized(owner, "absent", size)

    def swap(record: TaskRecord) -> int:
        return trial.backend.put_if_version(record, 1)

    for write in (trial.backend.put, swap):
        expect_raises(RecordTooLargeError, write, large)
        expect_stored(trial, former, 1)
    for write in (trial.backend.create, trial.backend.put):
        expect_raises(RecordTooLargeError, write, absent)
        expect_absent(trial, owner, "absent")


@rule("VAL-10")
def lists_keep_their_order(trial: Trial) -> None:
    """The order and the duplicates of a list are kept."""
    expect_round_trip(trial, **payload([3, 1, 2, 3, 1, 1]))
    expect_round_trip(trial, **payload(["b", "a", "b", "", "a"]))
    expect_round_trip(trial, **payload([{"b": 1}, {"a": 2}, {"b": 1}, [2, 1], [2, 1], None, None]))


@rule("VAL-11")
def data_that_looks_encoded(trial: Trial) -> None:
    """Data that looks like an encoding ({"S": "x"}, {"__type__": …}, base64, gzip, a pickle) is
    not interpreted.
    """
    for sample in corpus.values.ENCODINGS:
        fields = payload(sample.value)
        if isinstance(sample.value, dict):
            fields["variables"] |= sample.value
        expect_round_trip(trial, **fields)


@rule("VAL-12", back_doors=("plant",))
def unknown_fields(trial: Trial) -> None:
    """Fields unknown to this version come back, even after get, change and put_if_version."""
    owner = trial.owner()
    fields = json.loads(trial.record(owner).to_json())
    fields |= {"inputRequests": {"r1": {"method": "ask"}}, "error": None, "owner_id": "x"}
    fields["task"] |= {"inputResponses": [1, 2.5, "é"], "task_id": None}
    planted = TaskRecord.from_json(json.dumps(fields))
    trial.plant(owner, "task", json.dumps(fields), 5)
    expect_stored(trial, planted, 5)
    changed = trial.backend.get(owner, "task").record.model_copy(update={"result": "done"})
    expect_returns(6, trial.backend.put_if_version, changed, 5)
    expected = planted.model_copy(update={"result": "done"})
    expect_stored(trial, expected, 6)
    expect_listed(trial, owner, expected)


def expect_round_trip(trial: Trial, **changes: Any) -> None:
    """A record with these fields comes back equal, from get and from a listing, by every write."""
    owner = trial.owner()
    for version, write in enumerate(successive_writes(trial.backend), start=1):
        record = trial.record(owner, **changes)
        write(record)
        expect_stored(trial, record, version)
    expect_listed(trial, owner, record)


def payload(value: object) -> dict[str, Any]:
    """The value in every place of a record that can hold any, as keyword arguments."""
    return {"variables": {"value": value, "list": [value]}, "result": value}
