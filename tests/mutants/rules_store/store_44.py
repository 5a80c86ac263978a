"""Mutants of STORE-44."""

from __future__ import annotations

from secrets import token_hex
from time import time_ns
from uuid import uuid4

from mutants.rules_store.support import Seam
from pmcp_storage import AsyncTaskStore


class RandomUuids(Seam):
    """breaks STORE-44: a UUID of version 4 has 122 random bits."""

    class rules(AsyncTaskStore):  # noqa: N801
        def mint_task_id(self) -> str:
            return uuid4().hex


class TimesInIds(Seam):
    """breaks STORE-44: ids begin with the time, so that half of one can be guessed."""

    class rules(AsyncTaskStore):  # noqa: N801
        def mint_task_id(self) -> str:
            return f"{time_ns():016x}{token_hex(8)}"


class ShortIds(Seam):
    """breaks STORE-44: ids have 64 random bits."""

    class rules(AsyncTaskStore):  # noqa: N801
        def mint_task_id(self) -> str:
            return token_hex(8)


class MintsAsEver(Seam):
    """breaks STORE-44: the setting is overlooked, and ids are UUIDs of version 7."""

    class rules(AsyncTaskStore):  # noqa: N801
        def mint_task_id(self) -> str:
            return AsyncTaskStore(self._given).mint_task_id()
