"""Whether a request that comes piece by piece is whole, in the protocols that show it.

HTTP/1 says how long a body is, and RESP, the protocol of Redis, how many parts a command has and
how long each of them is. Of other protocols nothing is known here: there silence decides.
"""

from __future__ import annotations

import re

_HTTP = re.compile(rb"[A-Z]+ \S+ HTTP/1\.\d\r\n")
_BODY = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COMMAND = re.compile(rb"\*(\d+)\r\n")
_PART = re.compile(rb"\$(\d+)\r\n")


def is_incomplete(request: bytes) -> bool:
    """Whether this is the begin of a request in one of these protocols, with more of it to come."""
    if _HTTP.match(request):
        return _lacks_of_http(request)
    return bool(_COMMAND.match(request)) and _lacks_of_resp(request)


def _lacks_of_http(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = _BODY.search(head)
    return not end or (length is not None and len(body) < int(length[1]))


def _lacks_of_resp(request: bytes) -> bool:
    at = 0
    while command := _COMMAND.match(request, at):
        at = command.end()
        for _ in range(int(command[1])):
            part = _PART.match(request, at)
            if part is None:
                return True
            at = part.end() + int(part[1]) + len(b"\r\n")
    return at != len(request)
