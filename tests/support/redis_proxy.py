"""A proxy between a Redis client and its server, which loses requests and answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

Verdict = Literal["pass", "refuse", "lose"]
"""On a request: pass it on, cut the connection before the server sees it, or lose its answer."""

RequestFault = Callable[[bytes], Verdict]


class RedisProxy:
    """Stands before the server on `port`, and does with each request what `fault` says."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.fault: RequestFault = lambda request: "pass"
        self.mangle: Callable[[bytes], bytes] = lambda answer: answer
        """What becomes of an answer on its way."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A shutdown, because closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = ("127.0.0.1", self._server_port)
        with client, contextlib.suppress(OSError), socket.create_connection(address) as server:
            while request := client.recv(1 << 20):
                verdict = self.fault(request)
                if verdict == "refuse":
                    return
                server.sendall(request)
                answer = server.recv(1 << 20)
                if verdict == "lose":
                    return
                client.sendall(self.mangle(answer))
