"""What a run found: results by target and rule, and the verdict on each target.

Counted against the contract, not against what was collected, so that an empty or partial run
never looks like a whole one. Words are left to `text`, and exit codes to the plugin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pmcp_conformance.catalogue import Contract, contract_at
from pmcp_conformance.report.known_failures import KnownFailures
from pmcp_conformance.report.results import FAILURES, UNJUDGED, Leftover, Outcome, Result

_SEVERITY = (
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
    Outcome.UNPROVEN,
    Outcome.NOT_RUN,
    Outcome.INCONCLUSIVE,
    Outcome.BLOCKED,
    Outcome.FAILED,
)


class Verdict(StrEnum):
    """What may be said of a backend after a run, from the best to the worst."""

    CONFORMANT = "CONFORMANT"
    """Every applicable rule that the target can show has run and passed."""
    PARTIAL = "PARTIAL"
    """Only a selection of the rules was run; what ran has passed."""
    INCOMPLETE = "INCOMPLETE"
    """A rule that should have run could not, or could not be judged."""
    NOT_CONFORMANT = "NOT CONFORMANT"
    """A rule fails."""


@dataclass
class RunReport:
    """What is known of a whole run."""

    targets: dict[str, TargetReport]
    known: KnownFailures = field(default_factory=KnownFailures)
    contract: Contract = field(default_factory=contract_at)

    @classmethod
    def of(cls, names: Iterable[str], known: KnownFailures, contract: Contract) -> RunReport:
        """What is known before the first result: the targets by name, and what to count against."""
        targets = {name: TargetReport(name, contract=contract) for name in names}
        return cls(targets, known, contract)

    def add(self, result: Result) -> None:
        self.targets[result.target].add(result)

    @property
    def results(self) -> list[Result]:
        """The worst result of each part of a rule that was run, on all targets."""
        return [result for target in self.targets.values() for result in target.parts]

    def add_leftovers(self, leftovers: Iterable[Leftover]) -> None:
        for leftover in leftovers:
            self.targets[leftover.target].problems.append(str(leftover))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the run."""
        return max((target.verdict for target in self.targets.values()), key=list(Verdict).index)

    @property
    def has_unexpected_outcomes(self) -> bool:
        """Whether a rule fails that is not known to, or passes that is."""
        return any(
            target.unexpected_passes(self.known)
            or any(not result.known for result in target.rules(*FAILURES))
            for target in self.targets.values()
        )


@dataclass
class TargetReport:
    """What is known of one target."""

    name: str
    problems: list[str] = field(default_factory=list)
    """What kept rules from running, or was left behind: each a line for people."""
    contract: Contract = field(default_factory=contract_at)
    """Whose rules count."""
    _parts: dict[str, dict[int, Result]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Take in a result. The worst of several counts: a rerun cannot undo a failure."""
        parts = self._parts.setdefault(result.rule, {})
        parts[result.part] = _worst([result, parts.get(result.part, result)])

    def note_not_run(self, reason: str, selected: Collection[str]) -> None:
        """Say why whatever has no result, of what was selected, as `mine::CAS-2`, has none."""
        for rule in self.contract.rules.values():
            for part, name in enumerate(rule.item_names):
                if f"{self.name}::{name}" in selected:
                    result = Result(self.name, rule.id, Outcome.NOT_RUN, part, reason)
                    self._parts.setdefault(rule.id, {}).setdefault(part, result)

    @property
    def verdict(self) -> Verdict:
        """What may be said of the target so far."""
        if self.rules(*FAILURES):
            return Verdict.NOT_CONFORMANT
        if self.problems or self.rules(*UNJUDGED):
            return Verdict.INCOMPLETE
        return Verdict.CONFORMANT if self.is_complete else Verdict.PARTIAL

    @property
    def is_complete(self) -> bool:
        """Whether every rule of the contract has a result."""
        return len(self.results) == len(self.contract.rules)

    @property
    def parts(self) -> list[Result]:
        """The worst result of each part of a rule that was run."""
        return [result for parts in self._parts.values() for result in parts.values()]

    @property
    def results(self) -> dict[str, Result]:
        """The result of each rule all of whose parts were run, or one of them failed."""
        found = {rule: _whole(list(parts.values())) for rule, parts in self._parts.items()}
        return {
            rule: result
            for rule, result in found.items()
            if len(self._parts[rule]) == self.contract.rules[rule].parts
            or result.outcome is not Outcome.PASSED
        }

    def rules(self, *outcomes: Outcome) -> list[Result]:
        """The results with these outcomes, in the order of the contract."""
        results = self.results
        found = (results.get(rule_id) for rule_id in self.contract.rules)
        return [result for result in found if result and result.outcome in outcomes]

    def reasons(self, outcome: Outcome) -> Counter[str]:
        """How many rules have this outcome for which reason."""
        return Counter(result.reason for result in self.rules(outcome))

    def unexpected_passes(self, known: KnownFailures) -> list[str]:
        """The rules that pass though they are listed as known failures."""
        passed = self.rules(Outcome.PASSED)
        return [result.rule for result in passed if known.reason(self.name, result.rule)]

    @property
    def calls(self) -> Counter[str]:
        """The operations that each rule took, not counting those of child processes."""
        found = Counter[str]()
        for rule_id, parts in self._parts.items():
            found[rule_id] += sum(result.calls for result in parts.values())
        return +found

    @property
    def has_run(self) -> bool:
        """Whether any rule was really checked."""
        outcomes = {result.outcome for result in self.parts}
        return bool(outcomes & {Outcome.PASSED, Outcome.INCONCLUSIVE, *FAILURES})


def _whole(parts: list[Result]) -> Result:
    """The result of a rule: the worst of its parts, and what all of them took.

    Of several as bad it is the first, in whichever order workers came to them.
    """
    parts = sorted(parts, key=lambda result: result.part)
    seconds, calls = sum(part.seconds for part in parts), sum(part.calls for part in parts)
    return replace(_worst(parts), seconds=seconds, calls=calls)


def _worst(results: list[Result]) -> Result:
    return max(results, key=lambda result: _SEVERITY.index(result.outcome))
