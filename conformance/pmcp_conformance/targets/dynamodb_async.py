"""The target of AsyncDynamoDbBackend."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pmcp_conformance.targets.dynamodb import DynamoDbTarget

if TYPE_CHECKING:
    from pmcp_storage import AsyncDynamoDbBackend


class AsyncDynamoDbTarget(DynamoDbTarget):
    """As DynamoDbTarget, by AsyncDynamoDbBackend."""

    name = "dynamodb-async"
    connection: Mapping[str, Any] = {"attempts": 3, "connect_timeout": 1, "read_timeout": 1}
    """The settings of the handles that `open_at` opens."""

    def unavailable(self) -> str | None:
        if importlib.util.find_spec("aiohttp") is None:
            return "aiohttp is not installed: pip install 'pmcp-storage[dynamodb-async]'"
        return super().unavailable()

    def _open(self, table: str) -> AsyncDynamoDbBackend:
        return self.async_backend().from_env(table)

    def _open_at(self, endpoint_url: str, table: str) -> AsyncDynamoDbBackend:
        settings = {"endpoint_url": endpoint_url, **self.connection}
        return self.async_backend()(self._session, table, **settings)

    def async_backend(self) -> type[AsyncDynamoDbBackend]:
        """The backend under test."""
        from pmcp_storage import AsyncDynamoDbBackend

        return AsyncDynamoDbBackend

    @cached_property
    def _session(self) -> Any:
        from botocore.session import Session

        return Session()
