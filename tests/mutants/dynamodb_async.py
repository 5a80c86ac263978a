"""The target of mutants of AsyncDynamoDbBackend, and a way to break how it sends requests."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

from mutants.dynamodb_target import engine_endpoint
from pmcp_conformance.targets.dynamodb_async import AsyncDynamoDbTarget
from pmcp_storage import AsyncDynamoDbBackend
from pmcp_storage.backends.dynamodb.http_connections import HttpConnections, HttpSettings
from pmcp_storage.backends.dynamodb.http_sender import HttpSender
from pmcp_storage.backends.dynamodb.operations import Operations
from pmcp_storage.backends.dynamodb.table import Table


class SendsOtherwise(AsyncDynamoDbBackend):
    """Correct, if its sender is."""

    sender: ClassVar[type[HttpSender]]

    def _use(self, connections: HttpConnections, settings: HttpSettings, table_name: str) -> None:
        super()._use(connections, settings, table_name)
        self._operations = Operations(Table(self.sender(connections, settings), table_name))


class AsyncDynamoDbMutantTarget(AsyncDynamoDbTarget):
    """The shipped target, with another backend in it."""

    name = "dynamodb-async-mutant"

    def __init__(self, backend: type[AsyncDynamoDbBackend] = AsyncDynamoDbBackend) -> None:
        engine_endpoint()
        super().__init__()
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__

    def async_backend(self) -> type[AsyncDynamoDbBackend]:
        module, name = self._backend
        backend: type[AsyncDynamoDbBackend] = getattr(import_module(module), name)
        return backend
