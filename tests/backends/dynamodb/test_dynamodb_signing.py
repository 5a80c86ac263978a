"""What AsyncDynamoDbBackend signs requests with: as botocore does, by the newest credentials."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, DeferredRefreshableCredentials

from pmcp_storage.backends.dynamodb.access import Access, access_from_env
from pmcp_storage.backends.dynamodb.signing import Signer

ENDPOINTS = [
    "https://dynamodb.eu-west-1.amazonaws.com",
    "https://dynamodb.eu-west-1.amazonaws.com:443/",
    "http://localhost:8000",
    "http://[::1]:8000/path/",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("token", [None, "a-token"])
def test_a_signature_is_botocores(endpoint: str, token: str | None) -> None:
    body = '{"é": 1}'.encode()
    keys = Credentials("AKID", "secret", token)
    wanted = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
    }
    url = endpoint if endpoint.count("/") > 2 else f"{endpoint}/"
    request = AWSRequest("POST", url, headers=wanted, data=body)
    SigV4Auth(keys, "dynamodb", "eu-west-1").add_auth(request)
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    signer = Signer(endpoint, "eu-west-1")
    for _ in range(2):  # with the key derived, and with the key kept
        headers = signer.headers("GetItem", body, keys, at)
        assert headers["authorization"] == request.headers["Authorization"]
    assert headers.get("x-amz-security-token") == token


def test_a_signature_has_the_key_of_its_day() -> None:
    signer, keys = Signer(ENDPOINTS[0], "eu-west-1"), Credentials("AKID", "secret")
    today = datetime(2026, 11, 28, tzinfo=UTC)
    for day in (today, today + timedelta(days=1), today):
        fresh = Signer(ENDPOINTS[0], "eu-west-1").headers("GetItem", b"{}", keys, day)
        assert signer.headers("GetItem", b"{}", keys, day) == fresh


def test_credentials_are_renewed_before_they_expire(
    no_aws_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    program = tmp_path / "program.py"
    program.write_text(f"""
import json, pathlib, datetime
count = pathlib.Path({str(count)!r})
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=number)
print(json.dumps({{"Version": 1, "AccessKeyId": f"key{{number}}", "SecretAccessKey": "s",
                  "SessionToken": "t", "Expiration": soon.isoformat()}}))
""")
    config = f"[profile p]\nregion = eu-west-1\ncredential_process = {sys.executable} {program}\n"
    (tmp_path / "config").write_text(config)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        no_aws_settings.delenv(name)
    no_aws_settings.setenv("AWS_PROFILE", "p")
    access = access_from_env()

    async def keys() -> list[str]:
        return [(await access.keys()).access_key for _ in range(2)]

    assert asyncio.run(keys()) == ["key2", "key3"]
    assert json.loads(count.read_text()) == 3


def test_credentials_are_renewed_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def renew() -> dict[str, str]:
        threads.append(threading.current_thread())
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": "a", "secret_key": "s", "token": "t", "expiry_time": later}

    credentials = DeferredRefreshableCredentials(renew, "test")
    access = Access("http://127.0.0.1", "eu-west-1", credentials, None, None)

    async def keys() -> None:
        for _ in range(3):
            assert (await access.keys()).token == "t"

    asyncio.run(keys())
    assert len(threads) == 1
    assert threading.current_thread() not in threads
