"""The client that a backend uses in this process.

The connections of a boto3 client are one process's: two that share one read each other's answers.
A client that was interrupted at work by an exception of the caller's may hold a lock for ever. So
in either case a backend that can make its client makes another; one whose client was given refuses
to work in a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pmcp_storage.backends.dynamodb.client_events import observe
from pmcp_storage.errors import BackendError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_homes: WeakKeyDictionary[DynamoDBClient, int] = WeakKeyDictionary()
"""The process in which each client was first seen."""


class ClientInUse:
    """A client, and once `make` is set, how to make another in its place."""

    make: Callable[[], DynamoDBClient] | None = None

    def __init__(self, client: DynamoDBClient) -> None:
        """Raises BackendError for a client that was first seen in another process."""
        observe(client)
        self._client: DynamoDBClient | None = client
        self.get()

    def get(self) -> DynamoDBClient:
        """The client for this process.

        Raises BackendError where there is none, and what making one raises.
        """
        client = self._client
        if client is None or _home_of(client) != os.getpid():
            self._client = client = self._made()
        return client

    def abandon(self) -> None:
        """Have another made for the next call, where one can be."""
        if self.make is not None:
            self._client = None

    def close(self) -> None:
        """Close the client, if it is one of this process."""
        client = self._client
        if client is not None and _home_of(client) == os.getpid():
            client.close()

    def _made(self) -> DynamoDBClient:
        if self.make is None:
            raise BackendError(_FOREIGN)
        client = self.make()
        observe(client)
        return client


_FOREIGN = (
    "the boto3 client of this handle was made in another process, whose connections must not be "
    "shared: make the client and the handle in the child process, after the fork, or use "
    "DynamoDbBackend.from_env(), which works in both"
)


def _home_of(client: DynamoDBClient) -> int:
    return _homes.setdefault(client, os.getpid())
