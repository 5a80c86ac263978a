"""Credentials that fail, each in its way: the error says which, and what to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pmcp_storage import (
    AsyncDynamoDbBackend,
    BackendError,
    DynamoDbBackend,
    StorageBackend,
    to_sync,
)
from support.dynamodb_support import new_owner
from support.records import make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


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


Opens = Callable[[str], StorageBackend]

DOORS: dict[str, Opens] = {
    "threads": DynamoDbBackend.from_env,
    "event loops": lambda table: to_sync(AsyncDynamoDbBackend.from_env(table)),
}


@pytest.mark.parametrize("opens", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("case", PROFILES)
def test_a_profile_without_usable_credentials_is_said_to_be_so(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path, table: str, case: str, opens: Opens
) -> None:
    lines, words = PROFILES[case]
    source = "[profile source]\naws_access_key_id = a\naws_secret_access_key = b\n"
    (tmp_path / "config").write_text(f"{source}[profile p]\n{lines}\n")
    no_credentials.setenv("AWS_PROFILE", "p")
    with security_token_service() as url:
        no_credentials.setenv("AWS_ENDPOINT_URL_STS", url)
        with (
            pytest.raises(BackendError, match="credentials") as failed,
            opens(table) as backend,
        ):
            backend.create(make_record("task", owner_id=new_owner()))
    assert type(failed.value) is BackendError
    assert words in str(failed.value)
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize("opens", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("has_token", [False, True])
def test_a_role_by_web_identity(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path, table: str, has_token: bool, opens: Opens
) -> None:
    token = tmp_path / "token"
    if has_token:
        token.write_text("a-token")
    no_credentials.setenv("AWS_ROLE_ARN", ROLE)
    no_credentials.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    with security_token_service() as url, opens(table) as backend:
        no_credentials.setenv("AWS_ENDPOINT_URL_STS", url)
        for call in (lambda: backend.get("o", "t"), lambda: backend.delete("o", "t")):
            with pytest.raises(BackendError, match="no usable AWS credentials") as failed:
                call()
            assert ("AssumeRoleWithWebIdentity" if has_token else str(token)) in str(failed.value)


@pytest.mark.parametrize("opens", DOORS.values(), ids=DOORS)
def test_an_instance_without_metadata(
    no_credentials: pytest.MonkeyPatch, table: str, opens: Opens
) -> None:
    no_credentials.setenv("AWS_EC2_METADATA_DISABLED", "false")
    no_credentials.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    with opens(table) as backend, pytest.raises(BackendError, match="no usable AWS credentials"):
        backend.get("o", "t")
