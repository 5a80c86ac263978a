"""A machine on the way that does not know the protocol says something before the answer."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection, Fault

_ERROR_PAGE = b"<html>502 Bad Gateway</html>\r\n"


def _prepend(connection: Connection, answer: bytes) -> None:
    connection.send_to_client(_ERROR_PAGE + answer)


PREPEND_ERROR_PAGE = Fault(
    "an error page that is not the protocol precedes the answer",
    on_answer=_prepend,
    answer_outlives_call=True,
)
