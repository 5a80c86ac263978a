"""The storage behind the targets of a run: prepared once, and disposed of at the end."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator

import pytest

from pmcp_conformance.engine.file_limit import too_few_files
from pmcp_conformance.engine.ledger import Ledger
from pmcp_conformance.engine.sweep import sweep
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.watched_target import call_watched, failure_of
from pmcp_conformance.report.results import Leftover
from pmcp_conformance.target import BackendTarget

_SET_UP_WITHIN = 30.0
"""Seconds that setting up takes at most, or `answer_within`: twice as long counts as a hang."""


class PreparedTargets:
    """The targets of a run by name, and which of them cannot run.

    One process prepares and disposes of them, xdist's controller if there are workers; the others
    take over what `prepare` left in each target.
    """

    def __init__(self, targets: Iterable[BackendTarget]) -> None:
        self.by_name = {target.name: target for target in targets}
        self.unavailable: dict[str, str] = {}
        """Why targets cannot run, by name."""
        self._prepared: list[BackendTarget] = []

    def prepare(self) -> None:
        """Set up the storage of every target that is available."""
        if reason := too_few_files():
            self.refuse(reason)
            return
        for name, target in self.by_name.items():
            if reason := _why_unavailable(target) or _failure(target, "prepare"):
                self.unavailable[name] = reason
            else:
                self._prepared.append(target)

    def refuse(self, reason: str) -> None:
        """Let no target run, for this reason."""
        self.unavailable = {**dict.fromkeys(self.by_name, reason), **self.unavailable}

    def runs(self, ledger: Ledger | None, seed: int) -> dict[str, TargetRun]:
        """A run against each of the targets in this process."""
        return {
            name: TargetRun(target, ledger, seed, self.unavailable.get(name, ""))
            for name, target in self.by_name.items()
        }

    def dispose(self) -> Iterator[tuple[BackendTarget, str]]:
        """Take down what was set up; yields a problem for each target that cannot be."""
        while self._prepared:
            target = self._prepared.pop(0)
            if problem := _failure(target, "dispose"):
                yield target, problem

    def sweep(self, ledger: Ledger) -> list[Leftover]:
        """Remove what workers have left that could not do so; returns what cannot be removed."""
        return [
            leftover
            for name, target in self.by_name.items()
            if target.interprocess and name not in self.unavailable
            for leftover in sweep(target, ledger.owners(name), ledger.tokens(name))
            if not leftover.removed
        ]

    def pickled(self) -> dict[str, bytes]:
        """What `prepare` left in each target, by name.

        Raises pytest.UsageError for what cannot be pickled.
        """
        return {name: _pickled_state(target) for name, target in self.by_name.items()}

    def take_over(self, states: dict[str, bytes], unavailable: dict[str, str]) -> None:
        """Take what another process has prepared and pickled."""
        self.unavailable = unavailable
        for name, target in self.by_name.items():
            vars(target).update(pickle.loads(states[name]) or {})


def _why_unavailable(target: BackendTarget) -> str | None:
    try:
        return call_watched("unavailable", target.unavailable, _patience(target))
    except Exception as error:
        return failure_of("unavailable", error)


def _failure(target: BackendTarget, name: str) -> str:
    """Call a method of the target; how it failed, and empty if it did not."""
    try:
        call_watched(name, getattr(target, name), _patience(target))
    except Exception as error:
        return failure_of(name, error)
    return ""


def _patience(target: BackendTarget) -> float:
    return max(_SET_UP_WITHIN, target.answer_within)


def _pickled_state(target: BackendTarget) -> bytes:
    try:
        return pickle.dumps(target.__getstate__())
    except Exception as error:
        raise pytest.UsageError(
            f"target {target.name}: what prepare() left in self must survive pickle, to be handed "
            f"to xdist's workers: {error}"
        ) from error
