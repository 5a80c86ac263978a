"""What may happen to a request on its way to DynamoDB, for `DynamoDbProxy`.

A fault is a function that gets the request, which it calls to have the engine carry it out. It
returns the answer to give, or None to drop the connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    length: int | None = None
    """The length to announce, where it is not the body's."""


class Request(NamedTuple):
    """A request on its way; a call has the engine carry it out, with changed fields if need be."""

    action: str
    fields: dict[str, Any]
    carry_out: Callable[[dict[str, Any]], Answer]

    def __call__(self, **changes: Any) -> Answer:
        return self.carry_out({**self.fields, **changes})


Fault = Callable[[Request], Answer | None]


def failure(status: int, code: str) -> Answer:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "made up"}
    return Answer(status, {}, json.dumps(body).encode())


def pass_on(request: Request) -> Answer | None:
    return request()


def lose_answer(request: Request) -> Answer | None:
    request()
    return None


def fail_after(request: Request) -> Answer | None:
    request()
    return failure(500, "InternalServerError")


def fail_before(request: Request) -> Answer | None:
    return failure(500, "InternalServerError")


def throttle(request: Request) -> Answer | None:
    return failure(400, "ProvisionedThroughputExceededException")


def truncate_answer(request: Request) -> Answer | None:
    answer = request()
    return answer._replace(body=answer.body[:1], length=len(answer.body))


def answer_html(request: Request) -> Answer | None:
    request()
    return Answer(200, {}, b"<html>Welcome</html>")


def answer_nothing(request: Request) -> Answer | None:
    request()
    return Answer(200, {}, b"")


def answer_invalid_utf8(request: Request) -> Answer | None:
    request()
    return Answer(200, {}, b"\xff\xfe\x00")


def then(fault: Fault, act: Callable[[], object]) -> Fault:
    """The fault, with something else happening before the client tries again."""

    def both(request: Request) -> Answer | None:
        answer = fault(request)
        act()
        return answer

    return both


def every_second(fault: Fault) -> Callable[[str], Fault]:
    """A plan for a proxy: the fault for every other write."""
    numbers = count()
    return lambda action: fault if action == "PutItem" and next(numbers) % 2 == 0 else pass_on
