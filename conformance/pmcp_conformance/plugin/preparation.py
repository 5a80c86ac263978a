"""The storage behind the targets of a run: prepared once, and disposed of at the end."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.target import BackendTarget


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
        for name, target in self.by_name.items():
            try:
                reason = target.unavailable()
                if reason:
                    self.unavailable[name] = reason
                else:
                    target.prepare()
                    self._prepared.append(target)
            except Exception as error:
                what = f"prepare() failed with {type(error).__name__}: {error}"
                self.unavailable[name] = what

    def runs(self, ledger: Path | None, seed: int) -> dict[str, TargetRun]:
        """A run against each of the targets in this process."""
        return {
            name: TargetRun(target, ledger, seed, self.unavailable.get(name, ""))
            for name, target in self.by_name.items()
        }

    def dispose(self) -> Iterator[tuple[BackendTarget, str]]:
        """Take down what was set up; yields a problem for each target that cannot be."""
        for target in self._prepared:
            try:
                target.dispose()
            except Exception as error:
                yield target, f"dispose() failed: {error}"

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


def _pickled_state(target: BackendTarget) -> bytes:
    try:
        return pickle.dumps(target.__getstate__())
    except Exception as error:
        raise pytest.UsageError(
            f"target {target.name}: what prepare() left in self must survive pickle, to be handed "
            f"to xdist's workers: {error}"
        ) from error
