"""The headers of a request to DynamoDB, with a Signature Version 4.

As botocore signs, at a seventh of its processor time: the headers are always the same ones, and the
key of a day is derived once (AWS, "Create a signed AWS API request").
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "dynamodb"
_PORTS = {"http": 80, "https": 443}


class Keys(Protocol):
    """Credentials that do not change any more, as botocore freezes them."""

    access_key: str
    secret_key: str
    token: str | None


class Signer:
    """Signs requests to one endpoint."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        url = urlsplit(endpoint_url)
        self._host = _host(url.hostname or "", url.port, url.scheme)
        self._path = url.path or "/"
        self._region = region
        self._key_of: tuple[str, str] | None = None
        self._key = b""

    def headers(
        self, action: str, body: bytes, keys: Keys, at: datetime | None = None
    ) -> dict[str, str]:
        """The headers of a request with this body, signed as of now unless `at` says otherwise."""
        stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        headers = self._plain_headers(action, stamp, keys)
        names = ";".join(headers)
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        day = stamp[:8]
        scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = _digest(self._signing_key(keys.secret_key, day), text).hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        return headers

    def _plain_headers(self, action: str, stamp: str, keys: Keys) -> dict[str, str]:
        """What is signed, in the order of the names."""
        token = {"x-amz-security-token": keys.token} if keys.token else {}
        return {
            "content-type": "application/x-amz-json-1.0",
            "host": self._host,
            "x-amz-date": stamp,
            **token,
            "x-amz-target": f"DynamoDB_20120810.{action}",
        }

    def _signing_key(self, secret: str, day: str) -> bytes:
        if self._key_of != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, _SERVICE, "aws4_request"):
                key = _digest(key, part)
            self._key_of, self._key = (secret, day), key
        return self._key


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _host(name: str, port: int | None, scheme: str) -> str:
    shown = f"[{name}]" if ":" in name else name
    return shown if port in (None, _PORTS.get(scheme)) else f"{shown}:{port}"
