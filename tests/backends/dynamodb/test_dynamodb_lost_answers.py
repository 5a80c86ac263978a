"""DynamoDbBackend when answers are lost, garbled or late, and the client tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    DynamoDbBackend,
    OutcomeUnknownError,
    TaskRecord,
)
from support.dynamodb_faults import (
    Fault,
    Request,
    answer_html,
    answer_invalid_utf8,
    answer_nothing,
    fail_after,
    fail_before,
    lose_answer,
    pass_on,
    then,
    throttle,
    truncate_answer,
)
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import NO_RETRIES, RETRIES, OpenThrough, connect, new_owner
from support.records import NOW, make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


LOST = [lose_answer, fail_after, truncate_answer]
UNREADABLE = [answer_html, answer_nothing, answer_invalid_utf8]
OFF = {"off": NO_RETRIES, "legacy off": {"mode": "legacy", "max_attempts": 0}}


@pytest.mark.parametrize("mode", RETRIES)
@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_is_lost_recognizes_itself_and_succeeds(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend = through(RETRIES[mode])
    owner_id = new_owner()
    writes: list[Callable[[TaskRecord], int]] = [
        backend.create,
        lambda record: backend.put_if_version(record, 1),
        backend.put,
    ]
    for version, write in enumerate(writes, start=1):
        record = make_record(owner_id=owner_id, result=version)
        proxy.requests.clear()
        proxy.next(fault)
        assert write(record) == version
        assert proxy.requests.count("PutItem") == 2
        found = direct.get(owner_id, "t")
        assert (found.record, found.version) == (record, version)


@pytest.mark.parametrize("mode", RETRIES)
def test_the_outcome_of_a_delete_whose_answer_is_lost_is_unknown(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str
) -> None:
    backend, record = through(RETRIES[mode]), make_record(owner_id=new_owner())
    direct.create(record)
    proxy.next(lose_answer)
    with pytest.raises(OutcomeUnknownError):
        backend.delete(record.owner_id, "t")
    assert backend.delete(record.owner_id, "t") is False
    direct.create(record)
    proxy.next(fail_before)
    assert backend.delete(record.owner_id, "t") is True


@pytest.mark.parametrize("mode", OFF)
@pytest.mark.parametrize("fault", LOST + UNREADABLE)
def test_without_retries_a_lost_answer_leaves_the_outcome_unknown(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, owner_id = through(OFF[mode]), new_owner()
    record = make_record(owner_id=owner_id, variables={"a": "secret"})
    writes: list[Callable[[], object]] = [
        lambda: backend.create(record),
        lambda: backend.put_if_version(record, 1),
        lambda: backend.put(record),
    ]
    for version, write in enumerate(writes, start=1):
        proxy.next(fault)
        with pytest.raises(OutcomeUnknownError) as unknown:
            write()
        assert unknown.value.__cause__ is not None
        assert "secret" not in str(unknown.value)
        assert backend.get(owner_id, "t").version == version
    proxy.next(fault)
    with pytest.raises(OutcomeUnknownError):
        backend.delete(owner_id, "t")
    assert backend.create(record) == 1


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_answer_to_a_write_is_no_success(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, fault: Fault
) -> None:
    backend, record = through(), make_record(owner_id=new_owner())
    proxy.next(fault)
    with pytest.raises(OutcomeUnknownError):
        backend.create(record)
    assert direct.get(record.owner_id, "t").version == 1


@pytest.mark.parametrize("mode", OFF)
@pytest.mark.parametrize("fault", [*LOST, *UNREADABLE, fail_before, throttle])
def test_a_failing_read_is_an_error_and_never_an_absence(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, record = through(OFF[mode]), make_record(owner_id=new_owner())
    direct.create(record)
    proxy.always(fault)
    reads: list[Callable[[], object]] = [
        lambda: backend.get(record.owner_id, "t"),
        lambda: backend.get(record.owner_id, "absent"),
        lambda: backend.list_by_owner(record.owner_id),
        lambda: backend.count_by_owner(record.owner_id),
        lambda: backend.count_by_owner(record.owner_id, live_at=NOW),
        backend.verify,
    ]
    for read in reads:
        with pytest.raises(BackendError) as error:
            read()
        assert type(error.value) is BackendError
        assert error.value.__cause__ is not None
    proxy.always(pass_on)
    assert backend.get(record.owner_id, "t").record == record


@pytest.fixture(params=[{"mode": "standard"}, {"mode": "legacy", "max_attempts": 1}], ids=str)
def client_of_unreachable(
    request: pytest.FixtureRequest, unreachable: DynamoDbProxy
) -> Iterator[DynamoDBClient]:
    # In legacy mode botocore's own handler raises when it gives up.
    client = connect(unreachable.endpoint, retries=request.param)
    yield client
    client.close()


@pytest.fixture
def unreachable(dynamodb_client: DynamoDBClient) -> Iterator[DynamoDbProxy]:
    """A proxy that refuses connections until it runs."""
    with closing(DynamoDbProxy(dynamodb_client.meta.endpoint_url)) as proxy:
        yield proxy


def test_storage_that_cannot_be_reached_has_written_nothing(
    client_of_unreachable: DynamoDBClient, table: str
) -> None:
    backend = DynamoDbBackend(client_of_unreachable, table)
    record = make_record(owner_id=new_owner())
    calls: list[Callable[[], object]] = [
        lambda: backend.create(record),
        lambda: backend.put_if_version(record, 1),
        lambda: backend.put(record),
        lambda: backend.delete(record.owner_id, "t"),
        lambda: backend.get(record.owner_id, "t"),
        lambda: backend.list_by_owner(record.owner_id),
        backend.verify,
    ]
    for call in calls:
        with pytest.raises(BackendError, match="cannot be reached") as error:
            call()
        assert type(error.value) is BackendError


def test_an_attempt_that_was_refused_a_connection_has_written_nothing(
    unreachable: DynamoDbProxy,
    client_of_unreachable: DynamoDBClient,
    direct: DynamoDbBackend,
    table: str,
) -> None:
    record = make_record(owner_id=new_owner())
    with ExitStack() as running:

        def come_up(attempts: int, **_: Any) -> None:
            if attempts == 1:
                running.enter_context(unreachable.running())
                direct.create(record)
                direct.put(record)

        client_of_unreachable.meta.events.register("needs-retry.dynamodb.PutItem", come_up)
        with pytest.raises(AlreadyExistsError):
            DynamoDbBackend(client_of_unreachable, table).create(record)


def test_storage_that_vanishes_after_applying_a_write_leaves_it_unknown(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backend, record = through(), make_record(owner_id=new_owner())
    proxy.next(then(lose_answer, proxy.vanish))
    with pytest.raises(OutcomeUnknownError, match="EndpointConnectionError"):
        backend.create(record)
    assert direct.get(record.owner_id, "t").version == 1


def test_storage_that_accepts_and_never_answers_leaves_a_write_unknown(
    proxy: DynamoDbProxy, table: str
) -> None:
    client = connect(proxy.endpoint, retries=NO_RETRIES, read_timeout=0.05)
    backend, over = DynamoDbBackend(client, table), threading.Event()

    def hang(request: Request) -> None:
        over.wait()

    proxy.always(hang)
    with pytest.raises(OutcomeUnknownError):
        backend.create(make_record(owner_id=new_owner()))
    with pytest.raises(BackendError, match="ReadTimeoutError") as error:
        backend.get(new_owner(), "t")
    assert type(error.value) is BackendError
    over.set()
    client.close()
