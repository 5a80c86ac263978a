"""What the DynamoDB tests share: records, clients, and a stand-in that spoils answers on the way.

The stand-in is an HTTP server in front of the engine. It notes each request that reaches it and
passes it on, unless a fault says otherwise. A fault is a function that gets the request, which it
calls to have the engine carry it out, and returns the answer to give, or None to drop the
connection.
"""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from pmcp_storage import Task, TaskRecord, TaskStatus

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CREATED = datetime(2026, 2, 23, 10, 30, tzinfo=UTC)

RETRIES: dict[str, dict[str, Any]] = {
    "legacy": {"mode": "legacy"},
    "standard": {"mode": "standard"},
    "adaptive": {"mode": "adaptive"},
}
# One for all clients, because it keeps the service's description, which takes long to read.
_SESSION = boto3.session.Session()

NO_RETRIES = {"mode": "standard", "total_max_attempts": 1}


def connect(endpoint: str, **settings: Any) -> DynamoDBClient:
    settings.setdefault("retries", RETRIES["standard"])
    client: DynamoDBClient = _SESSION.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(max_pool_connections=50, **settings),
    )
    return client


def a_record(owner_id: str, task_id: str = "task", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id,
        status=TaskStatus.WORKING,
        created_at=CREATED,
        last_updated_at=CREATED,
        ttl=60_000,
    )
    return TaskRecord(task=task, owner_id=owner_id, request_method="tools/call", **fields)


def an_owner() -> str:
    return f"owner-{uuid.uuid4().hex}"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    length: int | None = None
    """The length to announce, where it is not the body's."""


class Forward(NamedTuple):
    """A request on its way; a call has the engine carry it out, with changed fields if need be."""

    action: str
    fields: dict[str, Any]
    carry_out: Callable[[dict[str, Any]], Answer]

    def __call__(self, **changes: Any) -> Answer:
        return self.carry_out({**self.fields, **changes})


Fault = Callable[[Forward], Answer | None]


def failure(status: int, code: str) -> Answer:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "made up"}
    return Answer(status, {}, json.dumps(body).encode())


def passes(forward: Forward) -> Answer | None:
    return forward()


def loses_answer(forward: Forward) -> Answer | None:
    forward()
    return None


def fails_after(forward: Forward) -> Answer | None:
    forward()
    return failure(500, "InternalServerError")


def fails_before(forward: Forward) -> Answer | None:
    return failure(500, "InternalServerError")


def throttles(forward: Forward) -> Answer | None:
    return failure(400, "ProvisionedThroughputExceededException")


def cuts_answer(forward: Forward) -> Answer | None:
    answer = forward()
    return answer._replace(body=answer.body[:1], length=len(answer.body))


def talks_nonsense(forward: Forward) -> Answer | None:
    forward()
    return Answer(200, {}, b"<html>Welcome</html>")


def answers_empty(forward: Forward) -> Answer | None:
    forward()
    return Answer(200, {}, b"")


def answers_not_text(forward: Forward) -> Answer | None:
    forward()
    return Answer(200, {}, b"\xff\xfe\x00")


class StandIn:
    """The stand-in; `requests` are the actions that reached it, in order, `bodies` what they asked.

    Until it runs, and after `vanish`, its endpoint refuses connections.
    """

    def __init__(self, engine: str) -> None:
        self._engine = urlsplit(engine).netloc
        self._server = _Server(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.server_bind()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.requests: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.plan: Callable[[str], Fault] = lambda action: passes

    def next(self, *faults: Fault) -> None:
        """Meet the next writes with these faults, one each, and then with none."""
        left = iter(faults)
        writes = ("PutItem", "DeleteItem")
        self.plan = lambda action: next(left, passes) if action in writes else passes

    def always(self, fault: Fault) -> None:
        self.plan = lambda action: fault

    @contextmanager
    def running(self) -> Iterator[StandIn]:
        self._server.server_activate()
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

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
            told = {n: v for n, v in answer.getheaders() if n.lower().startswith("x-am")}
            return Answer(answer.status, told, answer.read())
        finally:
            connection.close()

    def _handler(stand_in) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body leave at once, or a delayed acknowledgement costs 40 ms.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                action = self.headers["X-Amz-Target"].partition(".")[2]
                fields = json.loads(body)
                stand_in.requests.append(action)
                stand_in.bodies.append(fields)
                carry_out = partial(stand_in._forward, dict(self.headers))
                answer = stand_in.plan(action)(Forward(action, fields, carry_out))
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
