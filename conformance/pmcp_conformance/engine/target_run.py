"""What the rules share while they run against one target in one process.

A handle that is opened once and replaced when a rule may have spoilt it, and the book of the
owners used: each is looked at once more at the end, since a kit that leaves records behind
cannot be let into a shared table.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from pmcp_conformance.engine.watchdog import Hang, Watch, WatchedBackend
from pmcp_conformance.processes.fork_server import Nursery
from pmcp_conformance.target import BackendTarget
from pmcp_storage import CorruptRecordError, StorageBackend, StorageError

_NO_WAITING = 0.001
"""Seconds; a round trip to another process takes no less."""


class Bench:
    """The state of a run against `target` in this process."""

    def __init__(self, target: BackendTarget, ledger: Path | None = None, seed: int = 0) -> None:
        self.target = target
        self.seed = seed
        self.owners: list[str] = []
        self.hangs = 0
        """The rules in which an operation did not return."""
        self._ledger = ledger
        self._handle: StorageBackend | None = None
        self._nursery: Nursery | None = None
        self._latency: float | None = None

    def handle(self) -> StorageBackend:
        """The handle that rules share."""
        if self._handle is None:
            self._handle = self.target.handle()
        return self._handle

    def discard_handle(self) -> None:
        """Close the shared handle; the next rule gets another."""
        handle, self._handle = self._handle, None
        if handle is not None:
            close_quietly(handle)

    def forget_handle(self) -> None:
        """Leave the shared handle as it is, for closing it would hang."""
        self._handle = None

    def nursery(self) -> Nursery:
        """The interpreter that forks other processes for rules."""
        if self._nursery is None:
            self._nursery = Nursery(self.target, self.handle())
        return self._nursery

    @property
    def latency(self) -> float:
        """How many seconds an operation waits for the storage; 0 where that is next to nothing."""
        if self._latency is None:
            owner_id = self.new_owner()
            self._latency = min(timed(self.handle(), owner_id) for _ in range(3))
        return self._latency if self._latency >= _NO_WAITING else 0.0

    def new_owner(self, form: str = "{}") -> str:
        """An owner id that nobody else uses; `form` says where its UUID goes."""
        return self.claim_owner(form.replace("{}", f"pmcp-{uuid4().hex}"))

    def claim_owner(self, owner_id: str) -> str:
        """Note an owner id as used by this run; it must have a fresh one within itself."""
        self.owners.append(owner_id)
        if self._ledger is not None:
            write_ledger(self._ledger, self.target.name, owner_id)
        return owner_id

    def finish(self) -> list[str]:
        """Look at every owner once more; return a line for each that still had records.

        What is found is removed.
        """
        left = sweep(self.target, self.owners) if self.owners else []
        self.close()
        return left

    def close(self) -> None:
        """Close the shared handle and end the other processes."""
        watch = Watch(self.target.answer_within)
        with suppress(Hang):
            watch.carry_out(partial(watch.call, "close", self.discard_handle))
        if self._nursery is not None:
            self._nursery.close()


def timed(handle: StorageBackend, owner_id: str) -> float:
    """The seconds that reading an absent key takes."""
    begun = time.perf_counter()
    with suppress(StorageError):
        handle.get(owner_id, "task")
    return time.perf_counter() - begun


def close_quietly(handle: StorageBackend) -> None:
    """Close a handle whose errors no longer matter: the rules on closing judge them."""
    with suppress(Exception):
        handle.close()


def write_ledger(ledger: Path, target: str, owner_id: str) -> None:
    """Note an owner before its first write, so that it can be cleaned after a crash."""
    line = json.dumps([target, owner_id]) + "\n"
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read_ledger(ledger: Path) -> dict[str, list[str]]:
    """The owners noted, by target."""
    owners: dict[str, list[str]] = {}
    for line in ledger.read_text().splitlines() if ledger.exists() else []:
        target, owner_id = json.loads(line)
        owners.setdefault(target, []).append(owner_id)
    return owners


def sweep(target: BackendTarget, owners: list[str]) -> list[str]:
    """Remove whatever these owners still have; return a line for each that had something."""
    watch = Watch(target.answer_within)
    try:
        return watch.carry_out(partial(_sweep, target, owners, watch))
    except Hang as hang:
        told = f"{hang.expected}, {hang.observed}"
        return [f"{target.name}: could not be searched for leftovers: expected {told}"]


def _sweep(target: BackendTarget, owners: list[str], watch: Watch) -> list[str]:
    try:
        handle: Any = WatchedBackend(watch.call("open", target.handle), watch)
    except Exception as error:
        return [f"{target.name}: could not be opened to look for leftovers: {error}"]
    try:
        found = [(owner_id, _remove_all(handle, owner_id)) for owner_id in owners]
    finally:
        close_quietly(handle)
    return [f"{target.name}: owner {owner_id!r} had {what}" for owner_id, what in found if what]


def _remove_all(handle: StorageBackend, owner_id: str) -> str | None:
    task_ids: list[str] = []
    for _ in range(100):
        try:
            page = handle.list_by_owner(owner_id)
            batch = [entry.record.task_id for entry in page]
        except CorruptRecordError as error:
            batch = [error.task_id]
        except Exception as error:
            return f"a listing that failed: {error}"
        if not batch:
            break
        task_ids += batch
        try:
            for task_id in batch:
                handle.delete(owner_id, task_id)
        except Exception as error:
            return f"tasks left: {batch[:5]}, and a delete that failed: {error}"
    return f"tasks left: {task_ids[:5]}" if task_ids else None
