"""Who calls, by the access token of the request."""

from __future__ import annotations

from urllib.parse import quote

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components


def principal() -> str | None:
    """Client, issuer and subject of the access token; None without one."""
    token = get_access_token()
    if token is None:
        return None
    return "|".join(quote(part or "", safe="") for part in principal_components(token))


def bearer_of(task_id: str) -> str:
    """The owner of a task whose caller has no name: whoever holds its id."""
    return f"bearer of {task_id}"
