"""Mutants of STORE-46."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    StorageBackend,
    StoreConfig,
    TaskRecord,
)


class SendsTheRecord(Seam):
    """breaks STORE-46: a task is sent as its record without the owner; the variables go with it."""

    @staticmethod
    def wire_form(record: TaskRecord) -> dict[str, Any]:
        return {**GenericTaskStore.wire_form(record), "variables": record.variables}


class SendsOlderNames(Seam):
    """breaks STORE-46: the ttl has the name that it had before the extension."""

    @staticmethod
    def wire_form(record: TaskRecord) -> dict[str, Any]:
        sent = GenericTaskStore.wire_form(record)
        return {**sent, "ttl": sent.pop("ttlMs")}


class SendsNulls(Seam):
    """breaks STORE-46: what a task does not have is sent as null."""

    @staticmethod
    def wire_form(record: TaskRecord) -> dict[str, Any]:
        return {"statusMessage": None, **GenericTaskStore.wire_form(record)}


class SendsMicroseconds(Seam):
    """breaks STORE-46: times are sent as Python writes them."""

    @staticmethod
    def wire_form(record: TaskRecord) -> dict[str, Any]:
        sent = GenericTaskStore.wire_form(record)
        return {**sent, "createdAt": record.task.created_at.isoformat()}


class SharesItsMeta(Seam):
    """breaks STORE-46: the wire form holds the record's own _meta, to which a runtime adds."""

    @staticmethod
    def wire_form(record: TaskRecord) -> dict[str, Any]:
        sent = GenericTaskStore.wire_form(record)
        return {**sent, "_meta": record.task.meta} if record.task.meta else sent


class HidesItsBackend(Seam):
    """breaks STORE-46: the backend that a store shows is another than the one it works on."""

    @property
    def backend(self) -> StorageBackend:
        return InMemoryBackend()


class ShowsDefaults(Seam):
    """breaks STORE-46: the configuration that a store shows is that of any other."""

    @property
    def config(self) -> StoreConfig:
        return StoreConfig()
