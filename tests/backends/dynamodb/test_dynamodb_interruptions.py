"""DynamoDbBackend where a call is interrupted or never sent, its process forks, or others set up.

The stand-in of `dynamodb_support` spoils answers; the engine behind it is real.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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
from support.dynamodb_faults import Answer, Fault, Request, failure, lose_answer, pass_on
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
def proxy(dynamodb_client: DynamoDBClient) -> Iterator[DynamoDbProxy]:
    with DynamoDbProxy(dynamodb_client.meta.endpoint_url).running() as running:
        yield running


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


# Credentials


@pytest.fixture
def no_credentials(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, tmp_path: Path
) -> pytest.MonkeyPatch:
    endpoint = dynamodb_client.meta.endpoint_url
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@contextmanager
def security_token_service() -> Iterator[str]:
    """One that denies every role."""

    class Denies(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Denies)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


ROLE = "arn:aws:iam::123456789012:role/x"
PROFILES = {
    "program missing": ("credential_process = /nonexistent/program", "/nonexistent/program"),
    "program fails": ("credential_process = /bin/sh -c 'echo no-luck >&2; exit 3'", "no-luck"),
    "program talks": ("credential_process = /bin/echo nonsense", "credentials"),
    "half a key": ("aws_access_key_id = a", "aws_secret_access_key"),
    "not logged in": (
        "sso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = x",
        "SSO",
    ),
    "role denied": (f"role_arn = {ROLE}\nsource_profile = source", "AssumeRole"),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_profile_without_usable_credentials_is_said_to_be_so(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path, table: str, case: str
) -> None:
    lines, words = PROFILES[case]
    source = "[profile source]\naws_access_key_id = a\naws_secret_access_key = b\n"
    (tmp_path / "config").write_text(f"{source}[profile p]\n{lines}\n")
    no_credentials.setenv("AWS_PROFILE", "p")
    with security_token_service() as url:
        no_credentials.setenv("AWS_ENDPOINT_URL_STS", url)
        with pytest.raises(BackendError, match="credentials") as failed:
            DynamoDbBackend.from_env(table).create(make_record("task", owner_id=new_owner()))
    assert type(failed.value) is BackendError
    assert words in str(failed.value)
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize("has_token", [False, True])
def test_a_role_by_web_identity(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path, table: str, has_token: bool
) -> None:
    token = tmp_path / "token"
    if has_token:
        token.write_text("a-token")
    no_credentials.setenv("AWS_ROLE_ARN", ROLE)
    no_credentials.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    with security_token_service() as url, DynamoDbBackend.from_env(table) as backend:
        no_credentials.setenv("AWS_ENDPOINT_URL_STS", url)
        for call in (lambda: backend.get("o", "t"), backend.verify):
            with pytest.raises(BackendError, match="no usable AWS credentials") as failed:
                call()
            assert ("AssumeRoleWithWebIdentity" if has_token else str(token)) in str(failed.value)


def test_an_instance_without_metadata(no_credentials: pytest.MonkeyPatch, table: str) -> None:
    no_credentials.setenv("AWS_EC2_METADATA_DISABLED", "false")
    no_credentials.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    backend = DynamoDbBackend.from_env(table)
    with backend, pytest.raises(BackendError, match="no usable AWS credentials"):
        backend.get("o", "t")


# Setting up


def command(verb: str, table: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "pmcp_storage.cli", verb, "dynamodb", "--table", table]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_table_may_be_set_up_several_times_at_once(dynamodb_client: DynamoDBClient) -> None:
    name = f"init-{uuid.uuid4().hex}"
    running = [command("init", name) for _ in range(4)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert sum("created table" in output for output in outputs) == 1
    dynamodb_client.delete_table(TableName=name)


def test_what_another_has_set_up_meanwhile_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, proxy: DynamoDbProxy
) -> None:
    name = f"init-{uuid.uuid4().hex}"
    requests: list[Request] = []

    def in_use(request: Request) -> Answer:
        request()
        return failure(400, "ResourceInUseException")

    def invalid(request: Request) -> Answer:
        request()
        return failure(400, "ValidationException")

    def missing_at_first(request: Request) -> Answer | None:
        requests.append(request)
        return failure(400, "ResourceNotFoundException") if len(requests) < 3 else request()

    faults = {
        "CreateTable": in_use,
        "UpdateTimeToLive": invalid,
        "DescribeTable": missing_at_first,
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    process = command("init", name)
    assert "is as it should be" in process.communicate()[0]
    assert process.returncode == 0
    dynamodb_client.delete_table(TableName=name)


def test_what_init_may_not_do_is_named_after_what_it_did(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, proxy: DynamoDbProxy
) -> None:
    name = f"init-{uuid.uuid4().hex}"
    denied = failure(400, "AccessDeniedException")
    proxy.plan = lambda action: (lambda _: denied) if action == "UpdateTimeToLive" else pass_on
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    process = command("init", name)
    output = process.communicate()[0]
    assert process.returncode == 1
    assert f"created table {name}" in output
    assert "allow dynamodb:UpdateTimeToLive" in output
    dynamodb_client.delete_table(TableName=name)


def test_a_table_that_is_being_deleted_is_not_called_new(proxy: DynamoDbProxy, table: str) -> None:
    def deleting(request: Request) -> Answer:
        return Answer(200, {}, request().body.replace(b'"ACTIVE"', b'"DELETING"'))

    faults: dict[str, Fault] = {
        "DescribeTable": deleting,
        "GetItem": lambda _: failure(400, "ResourceNotFoundException"),
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    client = connect(proxy.endpoint)
    backend = DynamoDbBackend(client, table)
    with pytest.raises(BackendError, match="is being deleted"):
        backend.get("o", "t")
    with pytest.raises(BackendError, match="DELETING: create it again once it is gone"):
        backend.verify()
    client.close()


def test_verify_says_what_it_could_not_see_beside_what_is_wrong(
    proxy: DynamoDbProxy, table: str
) -> None:
    def creating(request: Request) -> Answer:
        return Answer(200, {}, request().body.replace(b'"ACTIVE"', b'"CREATING"'))

    faults: dict[str, Fault] = {
        "DescribeTable": creating,
        "DescribeTimeToLive": lambda _: failure(400, "AccessDeniedException"),
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    client = connect(proxy.endpoint)
    with pytest.raises(BackendError, match="CREATING: wait until it is ACTIVE") as failed:
        DynamoDbBackend(client, table).verify()
    assert "allow dynamodb:DescribeTimeToLive" in str(failed.value)
    client.close()


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
