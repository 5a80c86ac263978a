"""AsyncDynamoDbBackend: its operations and requests, and answers that are lost or damaged."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pmcp_storage import (
    AlreadyExistsError,
    AsyncDynamoDbBackend,
    AsyncTaskStore,
    BackendError,
    ConcurrentModificationError,
    DynamoDbBackend,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    TaskStatus,
)
from support.dynamodb_faults import (
    Answer,
    Fault,
    Request,
    answer_html,
    answer_invalid_utf8,
    answer_nothing,
    fail_after,
    fail_before,
    lose_answer,
    then,
    throttle,
    truncate_answer,
)
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import OpenThrough, new_owner
from support.on_loops import run, writes
from support.records import NOW, make_record

if TYPE_CHECKING:
    pass

Opened = Callable[..., AsyncDynamoDbBackend]


def damage(request: Request) -> Answer:
    answer = request()
    return answer._replace(headers={**answer.headers, "x-amz-crc32": "1"})


LOST = [lose_answer, fail_after, truncate_answer, damage]
UNREADABLE = [answer_html, answer_nothing, answer_invalid_utf8]


async def operate(backend: AsyncDynamoDbBackend, owner_id: str) -> None:
    record = make_record(owner_id=owner_id, variables={"é": '"\\\n'})
    assert await backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        await backend.create(record)
    assert await backend.put_if_version(record, 1) == 2
    with pytest.raises(ConcurrentModificationError) as conflict:
        await backend.put_if_version(record, 1)
    assert conflict.value.actual_version == 2
    assert isinstance(conflict.value.__cause__, ClientError)
    assert await backend.put(make_record(owner_id=owner_id, expires_at=NOW)) == 3
    found = await backend.get(owner_id, "t")
    assert await backend.list_by_owner(owner_id) == [found]
    assert await backend.list_by_owner(owner_id, after="t") == []
    assert await backend.count_by_owner(owner_id) == 1
    assert await backend.count_by_owner(owner_id, live_at=NOW) == 0
    assert await backend.delete(owner_id, "t")
    assert not await backend.delete(owner_id, "t")
    with pytest.raises(NotFoundError):
        await backend.get(owner_id, "t")
    assert await backend.cleanup_expired() == 0


def operate_in_a_thread(backend: DynamoDbBackend, owner_id: str) -> None:
    """The same operations."""
    record = make_record(owner_id=owner_id, variables={"é": '"\\\n'})
    backend.create(record)
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    backend.put_if_version(record, 1)
    with pytest.raises(ConcurrentModificationError):
        backend.put_if_version(record, 1)
    backend.put(make_record(owner_id=owner_id, expires_at=NOW))
    backend.get(owner_id, "t")
    backend.list_by_owner(owner_id)
    backend.list_by_owner(owner_id, after="t")
    backend.count_by_owner(owner_id)
    backend.count_by_owner(owner_id, live_at=NOW)
    backend.delete(owner_id, "t")
    backend.delete(owner_id, "t")
    with pytest.raises(NotFoundError):
        backend.get(owner_id, "t")


def without_write_id(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for body in bodies:
        body.get("Item", {}).pop("write_id", None)
    return list(bodies)


def test_both_backends_send_the_same_requests(
    proxy: DynamoDbProxy, opened: Opened, through: OpenThrough
) -> None:
    owner_id = new_owner()
    run(opened(), lambda backend: operate(backend, owner_id))
    requests, bodies = proxy.requests.copy(), without_write_id(proxy.bodies)
    proxy.requests.clear()
    proxy.bodies.clear()
    operate_in_a_thread(through(), owner_id)
    assert (proxy.requests, without_write_id(proxy.bodies)) == (requests, bodies)


def test_the_store_over_it(opened: Opened) -> None:
    async def use(backend: AsyncDynamoDbBackend) -> Any:
        store = AsyncTaskStore(backend)
        owner_id = new_owner()
        task_id = (await store.create(owner_id, "tools/call", ttl_ms=60_000)).record.task_id
        await store.complete_with_result(owner_id, task_id, TaskStatus.COMPLETED, {"n": 1})
        return await store.get_result(owner_id, task_id)

    assert run(opened(), use) == {"n": 1}


def test_a_record_at_the_limit(opened: Opened) -> None:
    owner_id = new_owner()
    # Two bytes each; escaped they would be six, and more than aiohttp takes without a warning.
    largest = make_record(owner_id=owner_id, variables={"a": "é" * 204_300})
    assert run(opened(), lambda backend: backend.create(largest)) == 1
    larger = make_record(owner_id=owner_id, variables={"a": "é" * 204_800})
    with pytest.raises(RecordTooLargeError):
        run(opened(), lambda backend: backend.put(larger))


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_is_lost_recognizes_itself(
    proxy: DynamoDbProxy, opened: Opened, direct: DynamoDbBackend, fault: Fault
) -> None:
    record = make_record(owner_id=new_owner())
    for version, write in enumerate(writes(record), start=1):
        proxy.next(fault)
        assert run(opened(), write) == version
        assert direct.get(record.owner_id, "t").version == version
    proxy.next(fault)
    with pytest.raises(OutcomeUnknownError, match="is gone"):
        run(opened(), lambda backend: backend.delete(record.owner_id, "t"))


@pytest.mark.parametrize("fault", LOST + UNREADABLE)
def test_without_repeats_a_lost_answer_leaves_the_outcome_unknown(
    proxy: DynamoDbProxy, opened: Opened, direct: DynamoDbBackend, fault: Fault
) -> None:
    record = make_record(owner_id=new_owner(), variables={"a": "secret"})
    for version, write in enumerate(writes(record), start=1):
        proxy.next(fault)
        with pytest.raises(OutcomeUnknownError) as unknown:
            run(opened(attempts=1), write)
        assert unknown.value.__cause__ is not None
        assert "secret" not in str(unknown.value)
        assert direct.get(record.owner_id, "t").version == version


@pytest.mark.parametrize("fault", [*LOST, *UNREADABLE, fail_before, throttle])
def test_a_failing_read_is_an_error_and_never_an_absence(
    proxy: DynamoDbProxy, opened: Opened, fault: Fault
) -> None:
    async def read(backend: AsyncDynamoDbBackend) -> None:
        reads: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: backend.get("o", "t"),
            lambda: backend.list_by_owner("o"),
            lambda: backend.count_by_owner("o"),
            backend.verify,
        ]
        for each in reads:
            with pytest.raises(BackendError) as error:
                await each()
            assert type(error.value) is BackendError

    proxy.always(fault)
    run(opened(attempts=1), read)


def test_a_throttled_write_that_then_meets_another_is_a_plain_conflict(
    proxy: DynamoDbProxy, opened: Opened, direct: DynamoDbBackend
) -> None:
    record = make_record(owner_id=new_owner())
    proxy.next(then(throttle, lambda: (direct.put(record), direct.put(record))))
    with pytest.raises(AlreadyExistsError):
        run(opened(), lambda backend: backend.create(record))


def test_a_lost_write_that_then_meets_another_is_unknown(
    proxy: DynamoDbProxy, opened: Opened, direct: DynamoDbBackend
) -> None:
    record = make_record(owner_id=new_owner())
    proxy.next(then(lose_answer, lambda: direct.put(record)))
    with pytest.raises(OutcomeUnknownError):
        run(opened(), lambda backend: backend.create(record))
    # Refused afterwards, an attempt that may have been applied stays one.
    proxy.next(lose_answer, throttle, throttle, throttle)
    with pytest.raises(OutcomeUnknownError, match="throttles"):
        run(opened(), lambda backend: backend.put_if_version(record, 2))
    assert direct.get(record.owner_id, "t").version == 3


def test_verify_says_what_is_wrong(opened: Opened) -> None:
    with pytest.raises(BackendError, match="time to live must be enabled"):
        run(opened(), lambda backend: backend.verify())
