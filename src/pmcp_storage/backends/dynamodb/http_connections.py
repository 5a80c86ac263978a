"""The HTTP connections of a handle for event loops: one process's, and one loop's at a time.

Connections belong to the event loop that opened them. A loop that comes after a closed one gets
connections of its own, and so does a child after a fork, if the handle can find its access to
DynamoDB anew. What is left behind is let go without a word, because a closed loop can close
nothing, and a parent still works with its connections.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from pmcp_storage.backends.dynamodb.access import Access
from pmcp_storage.backends.dynamodb.signing import Signer
from pmcp_storage.backends.timeouts import check_timeout
from pmcp_storage.errors import BackendError


@dataclass(frozen=True)
class HttpSettings:
    """How requests are sent; raises TypeError and ValueError for what cannot be."""

    attempts: int = 4
    """The most attempts at a request."""
    connect_timeout: float = 2.0
    """Seconds for an attempt to connect."""
    read_timeout: float = 4.0
    """Seconds for each piece of an answer to come."""
    connections: int = 50
    """The most connections at once."""

    def __post_init__(self) -> None:
        for name in ("attempts", "connections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)!r}")
        for name in ("connect_timeout", "read_timeout"):
            if getattr(self, name) is None:
                raise TypeError(f"{name} must be a number of seconds, not None")
            check_timeout(name, getattr(self, name))


@dataclass(frozen=True)
class Line:
    """A way to DynamoDB for one event loop of one process."""

    session: aiohttp.ClientSession
    access: Access
    url: URL
    signer: Signer
    loop: AbstractEventLoop
    process: int


class HttpConnections:
    """The way to DynamoDB that a handle uses here; `make`, if given, finds its access anew."""

    def __init__(
        self, access: Access, settings: HttpSettings, make: Callable[[], Access] | None = None
    ) -> None:
        self.access = access
        self._settings = settings
        self._make = make
        self._process = os.getpid()
        self._line: Line | None = None
        self._closed = False

    def get(self) -> Line:
        """The way for the running event loop. Raises BackendError where there is none."""
        line, loop = self._line, asyncio.get_running_loop()
        if line is None or line.loop is not loop or line.process != os.getpid():
            self._line = line = self._opened(loop)
        return line

    async def close(self) -> None:
        """Close the connections, if this is their loop; any other lets go of them."""
        self._closed = True
        line = self._line
        if line is not None and (line.loop, line.process) == (_running(), os.getpid()):
            await line.session.close()
        elif line is not None:
            line.session.detach()
        self._line = None

    def _opened(self, loop: AbstractEventLoop) -> Line:
        if self._closed:
            raise BackendError("this backend is closed: open another handle")
        if self._process != os.getpid():
            self._start_anew()
        elif self._line is not None and not self._line.loop.is_closed():
            raise BackendError(
                "another event loop, which is still open, works with this handle: open a handle "
                "for each event loop"
            )
        if self._line is not None:
            self._line.session.detach()
        return _line(self.access, self._settings, loop)

    def _start_anew(self) -> None:
        if self._make is None:
            raise BackendError(_FOREIGN)
        # Credentials hold locks, which another thread may have held at the fork.
        self.access = self._make()
        self._process = os.getpid()


_FOREIGN = (
    "the session of this handle was made in another process: make the session and the handle in "
    "the child process, after the fork, or use AsyncDynamoDbBackend.from_env(), which works in both"
)


def _running() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _line(access: Access, settings: HttpSettings, loop: AbstractEventLoop) -> Line:
    return Line(
        session=_session(access, settings, loop),
        access=access,
        url=URL(access.endpoint_url, encoded=True),
        signer=Signer(access.endpoint_url, access.region),
        loop=loop,
        process=os.getpid(),
    )


def _session(
    access: Access, settings: HttpSettings, loop: AbstractEventLoop
) -> aiohttp.ClientSession:
    secure = ssl.create_default_context(cafile=access.trusted) if access.trusted else True
    return aiohttp.ClientSession(
        connector=_Connector(loop, ssl=secure, limit=settings.connections),
        headers={"user-agent": "pmcp-storage", "accept-encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
        ),
    )


class _Connector(aiohttp.TCPConnector):
    """One that closes nothing when it is let go where it cannot: see this module's docstring."""

    def __init__(self, loop: AbstractEventLoop, **settings: Any) -> None:
        self._home = loop, os.getpid()
        super().__init__(**settings)

    def __del__(self, *args: Any) -> None:
        loop, process = self._home
        if process == os.getpid() and not loop.is_closed():
            super().__del__(*args)
