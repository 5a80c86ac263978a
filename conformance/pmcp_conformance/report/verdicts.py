"""What a run found, as data: results by target and rule, and the verdict on each target.

Counted against the catalogue, not against what was collected, so that an empty or partial run
never looks like a whole one. Rendering is elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.report.known_failures import KnownFailures
from pmcp_conformance.report.results import Outcome, Result

_SEVERITY = (
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
    Outcome.UNPROVEN,
    Outcome.NOT_RUN,
    Outcome.BLOCKED,
    Outcome.FAILED,
)

# xdist reports a stop by -x as an interruption.
_ENDED_BY_TESTS = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class Verdict(StrEnum):
    """What may be said of a backend after a run."""

    CONFORMANT = "CONFORMANT"
    """Every applicable rule that the target can show has run and passed."""
    PARTIAL = "PARTIAL"
    """Only a selection of the rules was run; what ran has passed."""
    INCOMPLETE = "INCOMPLETE"
    """A rule that should have run could not."""
    NOT_CONFORMANT = "NOT CONFORMANT"
    """A rule fails."""


@dataclass
class TargetReport:
    """What is known of one target."""

    name: str
    troubles: list[str] = field(default_factory=list)
    """What kept rules from running, or was left behind: each a line for people."""
    _parts: dict[str, dict[int, Result]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Take in a result. The worst of several counts: a rerun cannot mend a failure."""
        parts = self._parts.setdefault(result.rule, {})
        parts[result.part] = _worst([result, parts.get(result.part, result)])

    @property
    def results(self) -> dict[str, Result]:
        """The result of each rule all of whose parts were run, or one of them failed."""
        found = {rule: _worst(list(parts.values())) for rule, parts in self._parts.items()}
        return {
            rule: result
            for rule, result in found.items()
            if len(self._parts[rule]) == catalogue()[rule].parts
            or result.outcome is not Outcome.PASSED
        }

    def rules(self, *outcomes: Outcome) -> list[Result]:
        """The results with these outcomes, in the order of the catalogue."""
        results = self.results
        found = (results.get(rule_id) for rule_id in catalogue())
        return [result for result in found if result and result.outcome in outcomes]

    @property
    def verdict(self) -> Verdict:
        if self.rules(Outcome.FAILED, Outcome.BLOCKED):
            return Verdict.NOT_CONFORMANT
        if self.troubles or self.rules(Outcome.NOT_RUN):
            return Verdict.INCOMPLETE
        if len(self.results) < len(catalogue()):
            return Verdict.PARTIAL
        return Verdict.CONFORMANT

    @property
    def calls(self) -> Counter[str]:
        """The operations that each rule took, those of other processes left out."""
        found = Counter[str]()
        for rule_id, parts in self._parts.items():
            found[rule_id] += sum(result.calls for result in parts.values())
        return +found

    @property
    def ran(self) -> bool:
        """Whether any rule was really checked."""
        outcomes = {r.outcome for parts in self._parts.values() for r in parts.values()}
        return bool(outcomes & {Outcome.PASSED, Outcome.FAILED, Outcome.BLOCKED})

    def outlived(self, known: KnownFailures) -> list[str]:
        """The rules that pass though they are listed as known failures."""
        passed = self.rules(Outcome.PASSED)
        return [result.rule for result in passed if known.reason(self.name, result.rule)]

    def reasons(self, outcome: Outcome) -> Counter[str]:
        """How many rules have this outcome for which reason."""
        return Counter(result.reason for result in self.rules(outcome))


def _worst(results: list[Result]) -> Result:
    return max(results, key=lambda result: _SEVERITY.index(result.outcome))


@dataclass
class RunReport:
    """What is known of a whole run."""

    targets: dict[str, TargetReport]
    known: KnownFailures = field(default_factory=KnownFailures)

    def add(self, result: Result) -> None:
        self.targets[result.target].add(result)

    def exit_code(self, pytests_own: int) -> int:
        """The exit code of the run, given the one that pytest came to by itself."""
        if self._fails and pytests_own in _ENDED_BY_TESTS:
            return pytest.ExitCode.TESTS_FAILED
        if pytests_own not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return pytests_own
        if any(report.verdict is Verdict.INCOMPLETE for report in self.targets.values()):
            return pytest.ExitCode.TESTS_FAILED
        if not any(report.ran for report in self.targets.values()):
            return pytest.ExitCode.NO_TESTS_COLLECTED
        return pytests_own

    @property
    def _fails(self) -> bool:
        """Whether a rule fails that is not known to, or passes that is."""
        return any(
            report.outlived(self.known)
            or any(not r.known for r in report.rules(Outcome.FAILED, Outcome.BLOCKED))
            for report in self.targets.values()
        )
