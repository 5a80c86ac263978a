"""The results of a report as a matrix: rules, by group, x backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from pmcp_conformance.report.marks import OUTCOME_MARKS
from pmcp_conformance.report.model import BackendResult, Report, RuleResult, Run
from pmcp_conformance.report.results import FAILURES, UNJUDGED, Outcome

_QUIET = (
    None,
    Outcome.PASSED,
    Outcome.UNPROVEN,
    Outcome.NOT_APPLICABLE,
    Outcome.NOT_SELECTED,
)
"""What nobody has to look at first."""


@dataclass(frozen=True)
class Row:
    """A rule, and what became of it on each backend."""

    rule: RuleResult
    """Any of its results, for its id, its sentence and its version."""

    cells: Sequence[RuleResult | None]
    """By backend; None where the contract version of a run did not have the rule."""


@dataclass(frozen=True)
class Group:
    """The rules with one prefix."""

    name: str
    rows: Sequence[Row]

    @cached_property
    def columns(self) -> list[Tally]:
        """How the rules of the group came out, by backend."""
        return [Tally.of(cells) for cells in zip(*(row.cells for row in self.rows), strict=True)]

    @property
    def fails(self) -> bool:
        """Whether a rule of the group fails, or could not be judged, on any backend."""
        return any(column.worst not in _QUIET for column in self.columns)


@dataclass(frozen=True)
class Tally:
    """How many rules have each outcome."""

    counts: Counter[Outcome]

    @classmethod
    def of(cls, results: Iterable[RuleResult | None]) -> Tally:
        """Count these results; None is no result."""
        return cls(Counter(result.outcome for result in results if result))

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def passed(self) -> int:
        return self.counts[Outcome.PASSED]

    @property
    def failures(self) -> int:
        return sum(self.counts[outcome] for outcome in FAILURES)

    @property
    def shares(self) -> list[tuple[Outcome, int]]:
        """The outcomes that there are, with their numbers, those that say most coming first."""
        return [(outcome, n) for outcome in OUTCOME_MARKS if (n := self.counts[outcome])]

    @property
    def worst(self) -> Outcome | None:
        """The outcome that says most; None where there is no rule."""
        return next((outcome for outcome, _ in self.shares), None)

    @property
    def text(self) -> str:
        """All of it in words: `3 failed, 18 passed`"""
        return ", ".join(f"{count} {outcome}" for outcome, count in self.shares)


def matrix(report: Report) -> list[Group]:
    """The rules of all backends, by group, each in the order of the contract."""
    columns = [{rule.id: rule for rule in backend.rules} for backend in report.backends]
    rules = {rule.id: rule for backend in report.backends for rule in backend.rules}
    groups = list(dict.fromkeys(rule.group for rule in rules.values()))
    ordered = sorted(rules.values(), key=lambda rule: (groups.index(rule.group), _number(rule)))
    rows = [Row(rule, [column.get(rule.id) for column in columns]) for rule in ordered]
    return [Group(name, list(of)) for name, of in groupby(rows, lambda row: row.rule.group)]


def failures(backend: BackendResult) -> list[RuleResult]:
    """The rules that fail or are blocked on a backend."""
    return [rule for rule in backend.rules if rule.outcome in FAILURES]


def troubles(backend: BackendResult) -> list[str]:
    """What kept rules from being judged, or was left behind: each a line for people."""
    unjudged = [rule for rule in backend.rules if rule.outcome in UNJUDGED]
    reasons = Counter((rule.outcome, rule.reason) for rule in unjudged)
    lines = [f"{count} {outcome}: {reason}" for (outcome, reason), count in reasons.items()]
    return [*lines, *backend.problems]


def version_text(run: Run) -> str:
    """The version of the contract that a run was held to, and whether there was a newer one."""
    newer = "" if run.contract == run.newest_contract else f" (this kit has {run.newest_contract})"
    return f"{run.contract}{newer}"


def _number(rule: RuleResult) -> int:
    return int(rule.id.rpartition("-")[2])
