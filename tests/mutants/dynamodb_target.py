"""The target of mutants on DynamoDB: a table of its own in the engine of all tests."""

from __future__ import annotations

import os
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from pmcp_conformance.targets.dynamodb import DynamoDbTarget
from pmcp_storage import DynamoDbBackend
from support import engines

_engine = ExitStack()


def engine_endpoint() -> str:
    """Where the engine listens; starts it unless the environment names one on loopback."""
    if not os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
        os.environ.update(engines.environment(_engine.enter_context(engines.dynamodb())))
    return os.environ["AWS_ENDPOINT_URL"]


def stop_engine() -> None:
    """End the engine, if this process has started it."""
    _engine.close()


class DynamoDbMutantTarget(DynamoDbTarget):
    """The shipped target, with another backend in it."""

    name = "dynamodb-mutant"

    def __init__(self, backend: type[DynamoDbBackend] = DynamoDbBackend) -> None:
        engine_endpoint()
        super().__init__()
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__

    def backend(self, client: Any, table: str, *, close_client: bool = False) -> DynamoDbBackend:
        module, name = self._backend
        backend: type[DynamoDbBackend] = getattr(import_module(module), name)
        return backend(client, table, close_client=close_client)
