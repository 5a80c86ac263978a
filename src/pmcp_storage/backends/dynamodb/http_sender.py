"""Requests to DynamoDB by HTTP, for event loops.

aiohttp sends a POST once, so the repeats are made here, of what botocore's standard mode repeats,
and each attempt is noted. What fails is described by botocore's exceptions, so that `failures`
reads them all alike; aiohttp's stand behind them as their causes.
"""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Mapping
from typing import Any

from botocore import exceptions as boto

from pmcp_storage.backends.dynamodb.attempts import Attempts
from pmcp_storage.backends.dynamodb.failures import is_passing
from pmcp_storage.backends.dynamodb.http_connections import HttpConnections, HttpSettings
from pmcp_storage.backends.dynamodb.table import FailedError

_PAUSE = 0.05
"""The longest pause after the first attempt, in seconds; it doubles with each."""


class HttpSender:
    """The sender over the connections of a handle."""

    def __init__(self, connections: HttpConnections, settings: HttpSettings) -> None:
        self._connections = connections
        self._most = settings.attempts
        # For all of an attempt: an answer that trickles in, or a free connection that never comes.
        self._patience = settings.connect_timeout + settings.read_timeout

    async def send(
        self, action: str, parameters: dict[str, Any], attempts: Attempts
    ) -> dict[str, Any]:
        body = json.dumps(parameters, ensure_ascii=False).encode()
        for number in range(self._most):
            try:
                return await self._attempt(action, body, attempts)
            except FailedError as failed:
                if number == self._most - 1 or not is_passing(failed.error):
                    raise
            await asyncio.sleep(random.uniform(0, _PAUSE * 2**number))
        raise AssertionError("there is at least one attempt")

    def place(self) -> str:
        access = self._connections.access
        return f"{access.region} ({access.endpoint_url})"

    async def _attempt(self, action: str, body: bytes, attempts: Attempts) -> dict[str, Any]:
        headers = await self._headers(action, body, attempts)
        line = self._connections.get()
        attempts.begin()
        try:
            async with (
                asyncio.timeout(self._patience),
                line.session.post(
                    line.url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    proxy=line.access.proxy,
                ) as response,
            ):
                content = await response.read()
        except Exception as error:
            _raise_own(error, attempts)
            attempts.fail(error)
            raise FailedError(_described(error, attempts, line.access.endpoint_url)) from error
        return _answer(action, response.status, response.headers, content, attempts)

    async def _headers(self, action: str, body: bytes, attempts: Attempts) -> dict[str, str]:
        line = self._connections.get()
        try:
            return line.signer.headers(action, body, await line.access.keys())
        except Exception as error:
            _raise_own(error, attempts)
            raise FailedError(error) from error


def _raise_own(error: Exception, attempts: Attempts) -> None:
    own = attempts.interruption(error)
    if own is not None:
        raise own from own.__cause__


def _described(error: Exception, attempts: Attempts, endpoint_url: str) -> Exception:
    """botocore's exception for an attempt without an answer, caused by `error`."""
    described: Exception
    if not attempts.last:
        described = boto.EndpointConnectionError(endpoint_url=endpoint_url, error=error)
    elif isinstance(error, TimeoutError):
        described = boto.ReadTimeoutError(endpoint_url=endpoint_url, error=error)
    else:
        described = boto.ConnectionClosedError(endpoint_url=endpoint_url, error=error)
    described.__cause__ = error
    return described


def _answer(
    action: str, status: int, headers: Mapping[str, str], content: bytes, attempts: Attempts
) -> dict[str, Any]:
    """The fields of an answer. Raises FailedError for an error, and for damaged ones."""
    expected = headers.get("x-amz-crc32", "")
    if expected.isdecimal() and int(expected) != zlib.crc32(content):
        # Noted as if it had not come.
        raise FailedError(
            boto.ChecksumError(
                checksum_type="crc32",
                expected_checksum=expected,
                actual_checksum=zlib.crc32(content),
            )
        )
    fields = _fields(content)
    attempts.answer(status, readable=fields is not None or status >= 300)
    if status >= 300:
        raise FailedError(_error(action, status, fields or {}))
    return fields or {}


def _fields(content: bytes) -> dict[str, Any] | None:
    """What an answer holds; None if it is not JSON."""
    try:
        fields = json.loads(content)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _error(action: str, status: int, fields: dict[str, Any]) -> boto.ClientError:
    """As botocore reads an answer that is an error, fields such as Item included."""
    code = str(fields.pop("__type", status)).rpartition("#")[2]
    message = str(fields.pop("message", fields.pop("Message", "")))
    answer = {
        **fields,
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return boto.ClientError(answer, action)
