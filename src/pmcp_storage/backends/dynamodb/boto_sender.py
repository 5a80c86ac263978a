"""Requests to DynamoDB through a boto3 client, for threads.

boto3 repeats a request by itself; its client notes the attempts (`client_events`).
"""

from __future__ import annotations

from typing import Any

from pmcp_storage.backends.dynamodb.attempts import Attempts
from pmcp_storage.backends.dynamodb.client_events import recorded
from pmcp_storage.backends.dynamodb.client_in_use import ClientInUse
from pmcp_storage.backends.dynamodb.table import FailedError

_METHODS = {
    "CreateTable": "create_table",
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "UpdateTimeToLive": "update_time_to_live",
}
"""The client's method for each action, as IAM calls it."""


class BotoSender:
    """The sender over a client, whose coroutines block until they are done."""

    def __init__(self, clients: ClientInUse) -> None:
        self._clients = clients

    async def send(
        self, action: str, parameters: dict[str, Any], attempts: Attempts
    ) -> dict[str, Any]:
        method = getattr(self._clients.get(), _METHODS[action])
        try:
            with recorded(attempts):
                answer: dict[str, Any] = method(**parameters)
        except Exception as error:
            own = attempts.interruption(error)
            if own is None:
                raise FailedError(error) from error
            self._clients.abandon()
            raise own from own.__cause__
        except BaseException:
            self._clients.abandon()
            raise
        return answer

    def place(self) -> str:
        meta = self._clients.get().meta
        return f"{meta.region_name} ({meta.endpoint_url})"
