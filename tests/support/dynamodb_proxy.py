"""A proxy between the tests and a DynamoDB engine, which notes requests and injects faults."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from support.dynamodb_faults import Answer, Fault, Request, pass_on


class DynamoDbProxy:
    """Passes each request on to the engine, unless the plan has a fault for its action.

    `requests` are the actions that arrived, in order, and `bodies` the fields of each.

    Until it runs, and after `vanish`, its endpoint refuses connections.
    """

    def __init__(self, engine: str) -> None:
        self._engine = urlsplit(engine).netloc
        self._server = _Server(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.server_bind()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.requests: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.plan: Callable[[str], Fault] = lambda action: pass_on

    def next(self, *faults: Fault) -> None:
        """Meet the next writes with these faults, one each, and then with none."""
        left = iter(faults)
        writes = ("PutItem", "DeleteItem")
        self.plan = lambda action: next(left, pass_on) if action in writes else pass_on

    def always(self, fault: Fault) -> None:
        self.plan = lambda action: fault

    @contextmanager
    def running(self) -> Iterator[DynamoDbProxy]:
        self._server.server_activate()
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self.close()
            thread.join()

    def close(self) -> None:
        """Give its port back; needed where it has never run."""
        self._server.server_close()

    def vanish(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.socket.close()

    def _forward(self, headers: dict[str, str], fields: dict[str, Any]) -> Answer:
        connection = http.client.HTTPConnection(self._engine, timeout=10)
        try:
            kept = {n: v for n, v in headers.items() if n.lower() != "content-length"}
            connection.request("POST", "/", json.dumps(fields), kept)
            answer = connection.getresponse()
            kept_headers = {n: v for n, v in answer.getheaders() if n.lower().startswith("x-am")}
            return Answer(answer.status, kept_headers, answer.read())
        finally:
            connection.close()

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body leave at once, or a delayed acknowledgement costs 40 ms.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                action = self.headers["X-Amz-Target"].partition(".")[2]
                fields = json.loads(body)
                proxy.requests.append(action)
                proxy.bodies.append(fields)
                carry_out = partial(proxy._forward, dict(self.headers))
                answer = proxy.plan(action)(Request(action, fields, carry_out))
                self.close_connection = answer is None or answer.length is not None
                if answer is not None:
                    self._send(answer)

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None: ...

        return Handler


class _Server(ThreadingHTTPServer):
    # Connections that clients keep alive must not hold up the end of a test.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
