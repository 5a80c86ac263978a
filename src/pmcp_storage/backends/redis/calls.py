"""One call of the backend: its commands, what has been answered, and what to do about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from redis.exceptions import (
    AskError,
    InvalidResponse,
    MovedError,
    NoScriptError,
    ResponseError,
    TryAgainError,
)

from pmcp_storage.backends.redis.failures import is_refusal, is_transient
from pmcp_storage.backends.redis.scripts import Command, Script

_PAUSES = (0.02, 0.2)
"""Seconds before the second attempt and the third."""

_REDIRECTIONS = 16
"""The most redirections that a call follows, as many as redis-py does."""

_MOVING = 0.05
"""Seconds before a command is repeated whose keys are partly moved to another node."""


class Route(NamedTuple):
    """A node that a cluster has redirected to; `asks` if for this one command only."""

    host: str
    port: int
    asks: bool


class Call:
    """The commands of a call, what has been answered, and where to send the others."""

    def __init__(self, key: bytes, commands: Sequence[Command]) -> None:
        self.key = key
        self.sent = False
        """Whether the last attempt has sent a whole command."""
        self.uncertain = False
        self._commands = commands
        self._answers: dict[int, list[Any]] = {}
        self._routes: dict[int, Route | None] = dict.fromkeys(range(len(commands)))

    def routes(self) -> set[Route | None]:
        """The nodes that still have to be asked; None is the one that the client knows."""
        return set(self._routes.values())

    def answers(self) -> list[list[Any]]:
        return [self._answers[number] for number in range(len(self._commands))]

    def exchange(self, connection: Any, route: Route | None) -> ResponseError | None:
        """Send the commands that go this way; return the first refusal."""
        numbers = [number for number, way in self._routes.items() if way == route]
        commands = [self._commands[number] for number in numbers]
        asks = route is not None and route.asks
        answers = self._send(connection, commands, asks=asks)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            commands = [Script.with_text(command) for command in commands]
            answers = self._send(connection, commands, asks=asks)
        refusals = [self._note(*each) for each in zip(numbers, answers, strict=True)]
        return next(filter(None, refusals), None)

    def _send(self, connection: Any, commands: Sequence[Command], *, asks: bool) -> list[Any]:
        self.sent = False
        pairs = [((b"ASKING",), each) if asks else (each,) for each in commands]
        flat = list(chain.from_iterable(pairs))
        packed = b"".join(chain.from_iterable(connection.pack_command(*each) for each in flat))
        connection.send_packed_command([packed], check_health=False)
        self.sent = True
        answers = [_answer(connection) for _ in flat]
        return answers[1::2] if asks else answers

    def _note(self, number: int, answer: Any) -> ResponseError | None:
        if isinstance(answer, ResponseError):
            self._routes[number] = _route_of(answer)
            return answer
        if not isinstance(answer, list):
            raise InvalidResponse("an answer that belongs to no command sent")
        self._answers[number] = answer
        del self._routes[number]
        return None


class Pauses:
    """How long to wait before the next attempt of one call, and when to give up."""

    def __init__(self, is_cluster: bool) -> None:
        self._is_cluster = is_cluster
        self._pauses = iter(_PAUSES)
        self._redirections = iter(range(_REDIRECTIONS))

    def before_repeating(self, failure: Exception) -> float | None:
        """Seconds to wait; None if the call has failed."""
        if isinstance(failure, AskError | MovedError | TryAgainError):
            if not self._is_cluster or next(self._redirections, None) is None:
                return None
            return _MOVING if isinstance(failure, TryAgainError) else 0.0
        if is_refusal(failure) and not is_transient(failure):
            return None
        return next(self._pauses, None)


def _route_of(refusal: ResponseError) -> Route | None:
    if isinstance(refusal, AskError):  # which MovedError is, too
        return Route(refusal.host, refusal.port, asks=not isinstance(refusal, MovedError))
    return None


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
