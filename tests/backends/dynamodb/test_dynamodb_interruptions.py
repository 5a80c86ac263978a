"""DynamoDbBackend where a call is interrupted or never sent, its process forks, or others set up.

The stand-in of `dynamodb_support` spoils answers; the engine behind it is real.
"""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    DynamoDbBackend,
    NotFoundError,
    OutcomeUnknownError,
)
from pmcp_storage.backends.dynamodb import client_from_env
from support.dynamodb_faults import Answer, Request, lose_answer, pass_on
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import connect, new_owner
from support.forking import in_children
from support.interruption import TimeLimitReached, instructions_of, interrupted_at, time_limit
from support.records import make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


CLOSED_BY_THE_COLLECTOR = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
"""A socket that an interruption cuts off from its connection is closed as garbage."""


@pytest.fixture
def backend(dynamodb_client: DynamoDBClient, table: str) -> Iterator[DynamoDbBackend]:
    with DynamoDbBackend.from_env(table) as backend:
        yield backend


# The caller's own exceptions


@pytest.mark.parametrize("retries", ["legacy", "standard"])
@pytest.mark.parametrize("error", [TimeLimitReached, TimeoutError, ConnectionError, ValueError])
def test_a_caller_s_exception_comes_out_and_nothing_is_repeated(
    proxy: DynamoDbProxy, table: str, error: type[Exception], retries: str
) -> None:
    released = threading.Event()

    def waits(request: Request) -> Answer | None:
        released.wait(10)
        return None

    client = connect(proxy.endpoint, retries={"mode": retries})
    backend = DynamoDbBackend(client, table)
    proxy.always(waits)
    with pytest.raises(error) as raised, time_limit(0.2, error):
        backend.create(make_record("task", owner_id=new_owner()))
    released.set()
    assert type(raised.value) is error
    assert proxy.requests == ["PutItem"]
    proxy.plan = lambda action: pass_on
    assert backend.create(make_record("task", owner_id=new_owner())) == 1
    client.close()


def test_what_the_caller_was_handling_proves_nothing(proxy: DynamoDbProxy, table: str) -> None:
    client = connect(proxy.endpoint, retries={"mode": "standard", "total_max_attempts": 1})
    backend = DynamoDbBackend(client, table)
    proxy.next(lose_answer)
    try:
        connect_elsewhere()
    except TimeLimitReached:
        with pytest.raises(OutcomeUnknownError):
            backend.create(make_record("task", owner_id=new_owner()))
    client.close()


def connect_elsewhere() -> None:
    """Fail in a function of the name of those that boto3 connects with."""

    def connect() -> None:
        raise TimeLimitReached

    connect()


@CLOSED_BY_THE_COLLECTOR
def test_an_interruption_at_any_instruction_leaves_nothing_behind(
    backend: DynamoDbBackend,
) -> None:
    owner_id = new_owner()
    for task_id in ("t", "u"):
        backend.create(make_record(task_id, owner_id=owner_id))

    def call() -> None:
        assert backend.get(owner_id, "t").record.task_id == "t"

    call()
    before = sockets()
    total = instructions_of(call)
    came_out = 0
    for instruction in range(1, total, total // 60):
        came_out += interrupted_at(instruction, call)
        assert backend.get(owner_id, "u").record.task_id == "u"
    assert came_out > 50
    # Some may live on in the exceptions that pytest keeps; they are not as many as interruptions.
    assert sockets() < before + came_out // 10


def sockets() -> int:
    gc.collect()
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and "socket" in os.readlink(link) for link in links)


# Forks


def test_of_children_with_one_handle_one_wins_each_version(backend: DynamoDbBackend) -> None:
    record = make_record("task", owner_id=new_owner())
    version = backend.create(record)

    def put() -> str:
        try:
            return f"wrote {backend.put_if_version(record, version)}"
        except ConcurrentModificationError as error:
            return f"met {error.actual_version}"

    for _ in range(15):
        outcomes = in_children(4, put)
        assert outcomes == Counter({f"wrote {version + 1}": 1, f"met {version + 1}": 3})
        version += 1
    assert backend.get(record.owner_id, "task").version == version


def test_a_client_that_was_handed_in_is_not_used_in_a_child(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    backend = DynamoDbBackend(dynamodb_client, table)
    owner_id = new_owner()

    def message_of(call: Callable[[], object]) -> str:
        try:
            call()
        except NotFoundError:
            return "works"
        except BackendError as error:
            return str(error)
        return ""

    for call in (
        lambda: backend.get(owner_id, "t"),
        lambda: DynamoDbBackend(dynamodb_client, table).get(owner_id, "t"),
    ):
        (told,) = in_children(1, lambda call=call: message_of(call))  # type: ignore[misc]
        assert "make the client and the handle in the child process" in told
    own = in_children(
        1, lambda: message_of(lambda: DynamoDbBackend(client_from_env(), table).get(owner_id, "t"))
    )
    assert own == {"works": 1}
    assert message_of(lambda: backend.get(owner_id, "t")) == "works"


# Writes that were never sent


def speaks_no_tls(monkeypatch: pytest.MonkeyPatch, proxy: DynamoDbProxy) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint.replace("http:", "https:"))


def dead_proxy(monkeypatch: pytest.MonkeyPatch, proxy: DynamoDbProxy) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://dynamodb.us-east-1.amazonaws.com")


def proxy_that_refuses(monkeypatch: pytest.MonkeyPatch, proxy: DynamoDbProxy) -> None:
    # An HTTP server that knows no CONNECT.
    monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://dynamodb.us-east-1.amazonaws.com")


def unknown_host(monkeypatch: pytest.MonkeyPatch, proxy: DynamoDbProxy) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")


@pytest.mark.parametrize(
    "way",
    [speaks_no_tls, dead_proxy, proxy_that_refuses, unknown_host],
    ids=lambda way: way.__name__,
)
def test_a_write_that_was_never_sent_is_not_unknown(
    monkeypatch: pytest.MonkeyPatch,
    dynamodb_client: DynamoDBClient,
    proxy: DynamoDbProxy,
    table: str,
    way: Callable[[pytest.MonkeyPatch, DynamoDbProxy], None],
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    way(monkeypatch, proxy)
    with DynamoDbBackend.from_env(table) as backend:
        record = make_record("task", owner_id=new_owner())
        writes: list[Callable[[], object]] = [
            lambda: backend.create(record),
            lambda: backend.put_if_version(record, 1),
            lambda: backend.delete(record.owner_id, "task"),
        ]
        for write in writes:
            with pytest.raises(BackendError, match="cannot be reached") as failed:
                write()
            assert type(failed.value) is BackendError


# Arguments out of all bounds


@pytest.mark.parametrize(
    "version", [2**63, 10**38 - 1, 10**38, 10**39, 10**4400], ids=int.bit_length
)
def test_a_version_of_any_length_is_compared_by_value(
    backend: DynamoDbBackend, version: int
) -> None:
    record = make_record("task", owner_id=new_owner())
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, version)
    backend.create(record)
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(record, version)
    assert (refused.value.expected_version, refused.value.actual_version) == (version, 1)
    assert backend.get(record.owner_id, "task").version == 1


@pytest.mark.parametrize("seconds", [5e6, 1e300, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout"])
def test_a_timeout_that_cannot_be_waited_for_is_refused_at_once(name: str, seconds: float) -> None:
    options: dict[str, Any] = {name: seconds}
    client = boto3.client("dynamodb", region_name="us-east-1", config=Config(**options))
    with pytest.raises(ValueError, match=name):
        DynamoDbBackend(client)


def test_what_is_no_client_and_no_table_is_refused_at_once(
    dynamodb_client: DynamoDBClient,
) -> None:
    for other in (boto3.client("sts", region_name="us-east-1"), None):
        with pytest.raises(TypeError, match=r"boto3\.client\('dynamodb'\)"):
            DynamoDbBackend(other)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="table_name"):
        DynamoDbBackend(dynamodb_client, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="table_name"):
        DynamoDbBackend(dynamodb_client, "")
