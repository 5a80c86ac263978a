"""The target of PynamoDB's model: the engine at AWS_ENDPOINT_URL."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from adapters.targets.installed import missing
from pmcp_conformance import BackendTarget

if TYPE_CHECKING:
    from adapters.pynamodb_model import PynamoDbBackend, TaskItem


class PynamoDbTarget(BackendTarget):
    """The engine at AWS_ENDPOINT_URL, which must be on this machine."""

    name = "pynamodb"
    native_expiry = True

    def __init__(self) -> None:
        self._url = os.environ.get("AWS_ENDPOINT_URL", "")
        self._table = f"pynamodb_{uuid4().hex}"

    def unavailable(self) -> str | None:
        if urlsplit(self._url).hostname not in ("127.0.0.1", "localhost"):
            return "AWS_ENDPOINT_URL names no engine on this machine: start DynamoDB Local"
        return missing("pynamodb", "pynamodb")

    def prepare(self) -> None:
        self.open_fresh("tasks").close()

    def dispose(self) -> None:
        self.dispose_fresh("tasks")

    def open(self) -> PynamoDbBackend:
        return self._open("tasks")

    def open_fresh(self, token: str) -> PynamoDbBackend:
        from pynamodb.exceptions import TableError

        with suppress(TableError):  # another process is faster
            self._model(token).create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        return self._open(token)

    def dispose_fresh(self, token: str) -> None:
        self._model(token).delete_table()

    def open_misconfigured(self) -> PynamoDbBackend:
        return self._open("missing")

    def address(self) -> tuple[str, int]:
        url = urlsplit(self._url)
        return url.hostname or "127.0.0.1", url.port or 80

    def open_at(self, host: str, port: int) -> PynamoDbBackend:
        from adapters.pynamodb_model import PynamoDbBackend

        # Short enough for all of PynamoDB's attempts to fit into answer_within.
        model = _new_model(f"{self._table}_tasks", f"http://{host}:{port}", timeout=1)
        return PynamoDbBackend(model)

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        item = self._model("tasks").get(owner_id, task_id, consistent_read=True)
        return item.expires_at.timestamp() if item.expires_at else None

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        item = self._model("tasks")(owner_id, task_id, data=data, version=version - 1)
        item.save(add_version_condition=False)

    def _open(self, name: str) -> PynamoDbBackend:
        from adapters.pynamodb_model import PynamoDbBackend

        return PynamoDbBackend(self._model(name))

    def _model(self, name: str) -> type[TaskItem]:
        return _shared_model(f"{self._table}_{name}", self._url)


@cache
def _shared_model(table: str, url: str) -> type[TaskItem]:
    """One model, and so one connection, for all handles of a process, as in a module of models."""
    return _new_model(table, url)


def _new_model(table: str, url: str, timeout: float = 15) -> type[TaskItem]:
    from adapters.pynamodb_model import TaskItem

    class Item(TaskItem):
        class Meta:
            table_name = table
            host = url
            region = os.environ.get("AWS_REGION", "us-east-1")
            connect_timeout_seconds = read_timeout_seconds = timeout

    return Item
