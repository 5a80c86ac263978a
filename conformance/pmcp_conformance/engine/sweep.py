"""The last look at the owners of a run: what they still have is removed and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Hang, Watchdog, WatchedBackend, close_quietly
from pmcp_conformance.engine.watched_target import call_watched, failure_of
from pmcp_conformance.report.results import Leftover
from pmcp_conformance.target import BackendTarget
from pmcp_storage import BackendError, CorruptRecordError

_MOST_PAGES = 100
"""A backend that cannot delete would list the same page for ever."""

_PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds before each further attempt, where a storage throttles or is loading."""

T = TypeVar("T")


def sweep(
    target: BackendTarget, owners: Sequence[str], tokens: Sequence[str] = ()
) -> list[Leftover]:
    """Remove whatever these owners still have, and the fresh storage of these tokens.

    Returns a leftover for each owner that had something, and for whatever could not be removed.
    """
    leftovers = [left for token in tokens if (left := _disposed(target, token))]
    return [*leftovers, *_swept(target, owners)] if owners else leftovers


def _disposed(target: BackendTarget, token: str) -> Leftover | None:
    try:
        call_watched("dispose_fresh", partial(target.dispose_fresh, token), target.answer_within)
    except Exception as error:
        what = f"fresh storage {token!r}: {failure_of('dispose_fresh', error)}"
        return Leftover(target.name, what)
    return None


def _swept(target: BackendTarget, owners: Sequence[str]) -> list[Leftover]:
    watchdog = Watchdog(target.answer_within)
    try:
        return watchdog.run(partial(_sweep, target, owners, watchdog))
    except (Hang, Inconclusive) as error:
        return [Leftover(target.name, f"could not be searched for leftovers: {error}")]


def _sweep(target: BackendTarget, owners: Sequence[str], watchdog: Watchdog) -> list[Leftover]:
    try:
        with watchdog.watching("open() of the target", of_target=True):
            handle: Any = WatchedBackend(target.handle(), watchdog)
    except Exception as error:
        what = f"could not be searched for leftovers: {failure_of('open', error)}"
        return [Leftover(target.name, what)]
    sweeper = _Sweeper(target.name, handle)
    try:
        found = [sweeper.remove_all(owner_id) for owner_id in owners]
    finally:
        close_quietly(handle)
    return [leftover for leftover in found if leftover]


class _Sweeper:
    """Removes what owners have; it tries again where that fails, but not for ever."""

    def __init__(self, target: str, handle: Any) -> None:
        self._target = target
        self._handle = handle
        self._pauses = [*_PAUSES]

    def remove_all(self, owner_id: str) -> Leftover | None:
        """What the owner had, and what went wrong with removing it; None if it had nothing."""
        task_ids: list[str] = []
        for _ in range(_MOST_PAGES):
            try:
                page = self._patiently(partial(self._listed, owner_id))
            except Exception as error:
                return self._leftover(owner_id, f"a listing that failed: {error}")
            if not page:
                break
            task_ids += page
            try:
                for task_id in page:
                    self._patiently(partial(self._handle.delete, owner_id, task_id))
            except Exception as error:
                what = f"tasks left: {page[:5]}, and a delete that failed: {error}"
                return self._leftover(owner_id, what)
        else:
            return self._leftover(owner_id, f"tasks left: {task_ids[:5]}, which come again")
        if not task_ids:
            return None
        return self._leftover(owner_id, f"tasks left: {task_ids[:5]}", removed=True)

    def _leftover(self, owner_id: str, what: str, removed: bool = False) -> Leftover:
        return Leftover(self._target, f"owner {owner_id!r} had {what}", removed)

    def _patiently(self, call: Callable[[], T]) -> T:
        """What the call returns, once the storage carries it out.

        A storage that has not come back in all that time is not waited for again.
        """
        while True:
            try:
                result = call()
            except BackendError:
                if not self._pauses:
                    raise
                time.sleep(self._pauses.pop(0))
            else:
                if self._pauses:
                    self._pauses = [*_PAUSES]
                return result

    def _listed(self, owner_id: str) -> list[str]:
        """The next of the owner's tasks: a page of them, or one whose row cannot be read."""
        try:
            return [entry.record.task_id for entry in self._handle.list_by_owner(owner_id)]
        except CorruptRecordError as error:
            return [error.task_id]
