"""Records: what can be constructed is read back equal, and the rest is refused with its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pmcp_storage import Task, TaskRecord, TaskStatus

NOW = datetime(2026, 2, 23, 10, 30, 0, 123_456, tzinfo=UTC)

GOLDEN = (
    '{"task":{"taskId":"t","status":"working","createdAt":"2026-02-23T10:30:00.123Z",'
    '"lastUpdatedAt":"2026-02-23T10:30:00.123Z","ttl":60000,"statusMessage":"on it",'
    '"pollInterval":5000,"_meta":{}},"ownerId":"o","variables":{},"result":null,'
    '"requestMethod":"tools/call","expiresAt":"2026-02-23T10:31:00.123456Z"}'
)


def task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "task_id": "t",
        "status": TaskStatus.WORKING,
        "created_at": NOW,
        "last_updated_at": NOW,
    }
    return Task(**{**fields, **changes})


def record(**changes: Any) -> TaskRecord:
    fields: dict[str, Any] = {"task": task(), "owner_id": "o", "request_method": "tools/call"}
    return TaskRecord(**{**fields, **changes})


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_the_json_of_a_record_with_every_field() -> None:
    whole = record(
        task=task(status_message="on it", ttl=60_000, poll_interval=5_000, meta={}),
        expires_at=NOW + timedelta(minutes=1),
    )
    assert whole.to_json() == GOLDEN
    assert TaskRecord.from_json(GOLDEN) == whole
    assert (whole.task_id, whole.status) == ("t", TaskStatus.WORKING)


def test_the_json_of_a_record_with_few_fields() -> None:
    fields = json.loads(record().to_json())
    assert fields["result"] is fields["expiresAt"] is fields["task"]["ttl"] is None
    assert not {"statusMessage", "pollInterval", "_meta"} & set(fields["task"])


@pytest.mark.parametrize(
    ("digits", "micros"),
    [("", 0), (".1", 100_000), (".123", 123_000), (".123456", 123_456), (".123456789", 123_456)],
)
def test_instants_with_any_number_of_digits(digits: str, micros: int) -> None:
    text = GOLDEN.replace("00.123456Z", f"00{digits}Z").replace("00.123Z", f"00{digits}Z")
    found = TaskRecord.from_json(text)
    assert found.expires_at == datetime(2026, 2, 23, 10, 31, 0, micros, tzinfo=UTC)
    assert found.task.created_at.microsecond == micros // 1000 * 1000


def test_instants_are_the_same_in_any_time_zone() -> None:
    offset = timezone(timedelta(hours=14))
    assert record(expires_at=NOW.astimezone(offset)).to_json() == record(expires_at=NOW).to_json()
    text = GOLDEN.replace("10:31:00.123456Z", "12:31:00.123456+02:00")
    assert TaskRecord.from_json(text) == TaskRecord.from_json(GOLDEN)


def test_unknown_fields_are_kept_through_changes() -> None:
    fields = json.loads(GOLDEN)
    fields |= {"inputRequests": {"r": {"method": "ask"}}, "error": None, "owner_id": "not a field"}
    fields["task"]["inputResponses"] = [1, 2.5]
    found = TaskRecord.from_json(json.dumps(fields))
    assert json.loads(found.to_json()) == fields
    changed = found.model_copy(update={"result": {"done": True}})
    assert json.loads(changed.to_json()) == {**fields, "result": {"done": True}}


def test_a_record_shares_nothing_with_what_it_was_made_from() -> None:
    variables = {"a": [1]}
    made = record(variables=variables)
    variables["a"].append(2)
    copy = made.model_copy()
    copy.variables["a"].append(3)
    assert made.variables == {"a": [1]}
    shared = task(meta={"a": [1]})
    made = record(task=shared)
    (shared.meta or {})["a"].append(2)
    (made.model_copy().task.meta or {})["a"].append(3)
    assert made.task.meta == {"a": [1]}


def test_a_copy_is_checked_like_a_new_record() -> None:
    with pytest.raises(ValidationError, match="owner_id"):
        record().model_copy(update={"owner_id": ""})


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"variables": {"a": [float("nan")]}}, r'variables\["a"\]\[0\]: nan'),
        ({"variables": {"a": {"b": float("-inf")}}}, r'variables\["a"\]\["b"\]: -inf'),
        ({"result": {"x": "\ud800"}}, r'result\["x"\]: a lone surrogate'),
        ({"result": {"\udfff": 1}}, r"result, key .*: a lone surrogate"),
        ({"variables": {"a": {1: 2}}}, r'variables\["a"\]: an object key must be a string'),
        ({"result": nested(129)}, r"result.*nested deeper than 128"),
        ({"result": 10**4300}, r"result: an integer of more than 4300 digits"),
        ({"result": (1, 2)}, r"result: tuple is not a JSON type"),
        ({"result": {"x": b"bytes"}}, r'result\["x"\]: bytes is not a JSON type'),
        ({"error": float("nan")}, r"error"),
        ({"variables": None}, r"variables"),
        ({"request_method": "\udfff"}, r"request_method\n.*lone surrogate"),
        ({"owner_id": ""}, r"owner_id must have 1 to 1024 bytes"),
        ({"owner_id": "é" * 513}, r"owner_id must have 1 to 1024 bytes of UTF-8, not 1026"),
        ({"owner_id": "a\0b"}, r"owner_id must not contain U\+0000"),
        ({"expires_at": datetime(2026, 1, 1)}, r"expires_at\n.*naive datetime"),
        ({"expires_at": 1_700_000_000}, r"expires_at\n.*must be an instant"),
        ({"expires_at": "1700000000"}, r"expires_at\n.*must be an instant"),
    ],
)
def test_values_that_could_not_be_read_back_are_refused(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationError, match=place):
        record(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"task_id": "x" * 257},
        {"task_id": "\ud800"},
        {"status": "unheard-of"},
        {"ttl": -1},
        {"ttl": True},
        {"ttl": 1.5},
        {"created_at": datetime(2026, 1, 1)},
        {"meta": [1]},
        {"status_message": "\ud800"},
    ],
)
def test_bad_tasks_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        task(**changes)


def test_neither_repr_nor_errors_show_data() -> None:
    secret = {"secret": "hidden"}
    assert "hidden" not in repr(record(variables=secret, result=secret, error=secret))
    corrupt = GOLDEN.replace('"variables":{}', '"variables":["hidden"]')
    with pytest.raises(ValidationError) as caught:
        TaskRecord.from_json(corrupt)
    assert "hidden" not in str(caught.value)


def test_an_invalid_value_added_later_is_refused_when_written() -> None:
    changed = record()
    changed.variables["x"] = [float("inf")]
    with pytest.raises(ValueError, match=r'variables\["x"\]\[0\]: inf'):
        changed.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", GOLDEN[:-1], GOLDEN.replace(":{}", ':{"a":1e999}')]
)
def test_text_that_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        TaskRecord.from_json(text)


# A busy machine must not fail a test.
settings.register_profile("here", deadline=None, max_examples=60)
settings.load_profile("here")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(result=json_values, variables=st.dictionaries(st.text(), json_values), error=json_values)
def test_every_record_is_read_back_equal(
    result: Any, variables: dict[str, Any], error: Any
) -> None:
    made = record(result=result, variables=variables, error=error)
    found = TaskRecord.from_json(made.to_json())
    assert found == made
    assert repr(found.result) == repr(result)


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=offsets))
def test_every_instant_is_read_back_equal(instant: datetime) -> None:
    try:
        made = record(expires_at=instant)
    except ValidationError:
        assert instant.year in (1, 9999)
    else:
        assert TaskRecord.from_json(made.to_json()) == made
        assert made.expires_at == instant


@pytest.mark.parametrize("value", [nested(128), 10**4299, -0.0, 5e-324, {"": {"": []}}])
def test_extreme_values_are_read_back_equal(value: Any) -> None:
    made = record(result=value, task=task(meta={"deep": nested(127)}))
    found = TaskRecord.from_json(made.to_json())
    assert found == made
    assert repr(found.result) == repr(value)


def test_what_pydantic_dumps_is_read_back_equal() -> None:
    whole = record(expires_at=NOW, variables={"a": [1, None]}, result="done")
    assert TaskRecord.model_validate_json(whole.model_dump_json()) == whole
    assert TaskRecord.model_validate(whole.model_dump(mode="json")) == whole
