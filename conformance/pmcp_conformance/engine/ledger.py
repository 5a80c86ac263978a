"""The owners that a run has used: noted, so that even after a crash what they left is removed."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from pmcp_conformance.engine.watchdog import Hang, Watchdog, WatchedBackend, close_quietly
from pmcp_conformance.report.results import Leftover
from pmcp_conformance.target import BackendTarget
from pmcp_storage import CorruptRecordError, StorageBackend

_MOST_PAGES = 100
"""A backend that cannot delete would list the same page for ever."""


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


def sweep(target: BackendTarget, owners: list[str]) -> list[Leftover]:
    """Remove whatever these owners still have; return a leftover for each that had something."""
    watchdog = Watchdog(target.answer_within)
    try:
        found = watchdog.run(partial(_sweep, target, owners, watchdog))
    except Hang as hang:
        reason = f"expected {hang.expected}, {hang.observed}"
        found = [f"could not be searched for leftovers: {reason}"]
    return [Leftover(target.name, details) for details in found]


def _sweep(target: BackendTarget, owners: list[str], watchdog: Watchdog) -> list[str]:
    try:
        handle: Any = WatchedBackend(watchdog.call("open", target.handle), watchdog)
    except Exception as error:
        return [f"could not be opened to look for leftovers: {error}"]
    try:
        found = [(owner_id, _remove_all(handle, owner_id)) for owner_id in owners]
    finally:
        close_quietly(handle)
    return [f"owner {owner_id!r} had {what}" for owner_id, what in found if what]


def _remove_all(handle: StorageBackend, owner_id: str) -> str | None:
    """What the owner had, and what went wrong with removing it; None if it had nothing."""
    task_ids: list[str] = []
    for _ in range(_MOST_PAGES):
        try:
            page = _listed(handle, owner_id)
        except Exception as error:
            return f"a listing that failed: {error}"
        if not page:
            break
        task_ids += page
        try:
            for task_id in page:
                handle.delete(owner_id, task_id)
        except Exception as error:
            return f"tasks left: {page[:5]}, and a delete that failed: {error}"
    return f"tasks left: {task_ids[:5]}" if task_ids else None


def _listed(handle: StorageBackend, owner_id: str) -> list[str]:
    """The next of the owner's tasks: a page of them, or one whose row cannot be read."""
    try:
        return [entry.record.task_id for entry in handle.list_by_owner(owner_id)]
    except CorruptRecordError as error:
        return [error.task_id]
