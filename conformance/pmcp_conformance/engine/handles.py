"""Further handles for a rule: on storage of its own, or for many threads at the same time."""

from __future__ import annotations

from functools import partial
from typing import cast

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.watchdog import WatchedBackend
from pmcp_storage import StorageBackend


def fresh_token(trial: Trial) -> str:
    """A token for storage of this trial's own, which is taken down at the end."""
    token = trial.run.new_token()
    trial.cleanup.call_last(partial(trial.run.dispose_fresh, trial.target, token))
    return token


def open_fresh(trial: Trial) -> RecordedBackend:
    """A handle on storage of this trial's own."""
    handle = trial.target.handle("open_fresh", fresh_token(trial))
    return trial.adopt(handle, "fresh", "open_fresh")


def contenders(trial: Trial, number: int) -> list[StorageBackend]:
    """As many handles as that, for threads to use at the same time; operations are not recorded.

    Where the storage is shared, every other one of them is a second handle.
    """
    first = trial.backend.unrecorded
    second = trial.open().unrecorded if trial.target.shared else first
    pair = [watched(trial, handle) for handle in (first, second)]
    return [pair[index % 2] for index in range(number)]


def watched(trial: Trial, handle: StorageBackend) -> StorageBackend:
    """The handle, its operations under the watchdog and not recorded."""
    return cast("StorageBackend", WatchedBackend(handle, trial.watchdog))
