"""The faults that can strike an exchange between a client and its server, and which of them strike.

An exchange is what a client sends on a connection until the server answers, and that answer. How
a fault is brought about is the business of `proxy`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """What can happen to an exchange, in the words of a report."""

    PASS = "it passes"
    DELAY = "the answer is delayed"
    CUT_REQUEST = "the connection is cut before the request arrives"
    LOSE_ANSWER = "the request is carried out and its answer lost"
    VANISH = "the request is carried out, its answer lost, and the server goes down"
    CUT_ANSWER = "the answer is cut in the middle"
    GARBLE = "the answer is replaced by bytes that are not the protocol"
    MUDDLE = "a line that is not the protocol comes before the answer"
    STALL = "the answer stops in the middle"
    SWALLOW = "the request is swallowed and never answered"
    WITHHOLD = "the request is carried out and its answer kept back until the next request"
    REFUSE = "the server goes down: the connection is cut and further ones are refused"


WAITING = (Fault.SWALLOW, Fault.WITHHOLD, Fault.STALL)
"""The faults that a client notices only by its own timeout."""

Script = Callable[[int], Fault]
"""Which fault strikes the exchange of this number; the first is 1."""


def passes(exchange: int) -> Fault:
    """The script of a way without faults."""
    return Fault.PASS


def once(fault: Fault, at: int) -> Script:
    """The fault strikes this exchange."""
    return lambda exchange: fault if exchange == at else Fault.PASS


def lasting(fault: Fault, at: int) -> Script:
    """The fault strikes this exchange and all later ones."""
    return lambda exchange: fault if exchange >= at else Fault.PASS


ERROR_PAGE = b"<html>502 Bad Gateway</html>\r\n"
"""What a machine on the way says that does not know the protocol."""


def garbage(random: Random) -> bytes:
    """Bytes that are no text, and end a line of one."""
    return bytes(random.choices(range(0x80, 0x100), k=random.randrange(16, 200))) + b"\r\n\r\n"
