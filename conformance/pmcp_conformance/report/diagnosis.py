"""What failures have in common: where to start, and which known bugs they look like.

A bug breaks many rules at once. The known bug that breaks nearly the same ones says which of them
is at fault; where no bug is like that, it is the first that fails, for later rules build on earlier
ones. What is then left over has another cause, and is looked at in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pmcp_conformance.report.known_bugs import KnownBug, KnownBugs, known_bugs
from pmcp_conformance.report.model import Diagnosis, RuleResult
from pmcp_conformance.report.results import FAILURES, Outcome

LEAST_FIT = 0.3
"""How well a known bug fits that is worth naming; half as well as the nearest at least, too."""

TRUSTED_FIT = 0.6
"""How well a known bug fits whose rule is the one to start with."""

MOST_NAMED = 3

_ENOUGH = 0.5
"""The share of the contract that must have been selected: single rules fail for many bugs."""


@dataclass(frozen=True)
class Cause:
    """Failures that probably have one cause."""

    start: str
    """The rule to mend first."""
    explains: list[str]
    """The other failures, in the order of the contract."""
    diagnoses: list[Diagnosis]
    """The known bugs that it looks like, the nearest first."""


def causes(rules: Sequence[RuleResult], known: KnownBugs | None = None) -> Iterator[Cause]:
    """The causes of the failures, that of most importance first; known failures have none."""
    outcomes = [rule for rule in rules if not rule.known]
    selected = [rule for rule in rules if rule.outcome is not Outcome.NOT_SELECTED]
    symptoms = _Symptoms(
        failures={rule.id: rule for rule in outcomes if rule.outcome in FAILURES},
        passed=frozenset(rule.id for rule in outcomes if rule.outcome is Outcome.PASSED),
        known=known or known_bugs(),
        are_distinct=len(selected) >= _ENOUGH * len(rules),
    )
    while symptoms.failures:
        cause = symptoms.cause
        yield cause
        symptoms = symptoms.without({cause.start, *cause.explains})


@dataclass(frozen=True)
class _Symptoms:
    """What a backend shows, and the bugs to compare it with."""

    failures: dict[str, RuleResult]
    """In the order of the contract."""
    passed: frozenset[str]
    known: KnownBugs
    are_distinct: bool
    """Whether they are enough to tell one bug from others."""

    def without(self, rules: set[str]) -> _Symptoms:
        """The same, had these rules not been judged."""
        left = {id: rule for id, rule in self.failures.items() if id not in rules}
        return replace(self, failures=left)

    @property
    def cause(self) -> Cause:
        """The cause to look at first."""
        start = self._start
        explained = self._explained_by(start)
        return Cause(
            start=start,
            explains=[rule for rule in self.failures if rule in explained and rule != start],
            diagnoses=list(self._diagnoses) if self.are_distinct else [],
        )

    @property
    def _diagnoses(self) -> Iterator[Diagnosis]:
        best = max((fit for fit, _ in self._nearest), default=0.0)
        for fit, bug in self._nearest[:MOST_NAMED]:
            if fit >= max(LEAST_FIT, best / 2):
                yield Diagnosis(mutant=bug.mutant, rule=bug.rule, what=bug.what, fit=round(fit, 2))

    @cached_property
    def _nearest(self) -> list[tuple[float, KnownBug]]:
        """The known bugs that break any of the rules, and how well they fit, the nearest first."""
        broken = self.failures.keys()
        judged = self.passed | broken
        fits = [(self.known.fit(bug, broken, judged), bug) for bug in self.known.bugs]
        # Of bugs that fit as well, the one that breaks the least.
        return sorted(
            [found for found in fits if found[0]],
            key=lambda found: (-found[0], len(found[1].breaks)),
        )

    @property
    def _is_trusted(self) -> bool:
        """Whether the nearest known bug says where to start."""
        if not self._nearest:
            return False
        fit, bug = self._nearest[0]
        likely = self._fails(bug.rule) and not (_is_of_store(bug.rule) and self._backend_fails)
        return fit >= TRUSTED_FIT and likely

    @property
    def _backend_fails(self) -> bool:
        """Whether the store, which builds on the backend, cannot be all that is broken."""
        return any(self._fails(rule) and not _is_of_store(rule) for rule in self.failures)

    @property
    def _start(self) -> str:
        if self._is_trusted:
            return self._nearest[0][1].rule
        failed = [rule for rule in self.failures if self._fails(rule)]
        if failed:
            return min(failed, key=_is_of_store)
        first = next(iter(self.failures.values()))
        return first.blocked_by or first.id

    def _fails(self, rule: str) -> bool:
        found = self.failures.get(rule)
        return found is not None and found.outcome is Outcome.FAILED

    def _is_open(self, rule: str) -> bool:
        """Whether nobody has tried what the rule says of the nearest known bug."""
        return not self.known.was_tried(rule, self._nearest[0][1])

    def _explained_by(self, start: str) -> set[str]:
        """The rules that bugs of this rule break as well, and the failures that those block."""
        alike = [bug for bug in self.known.bugs if bug.rule == start]
        explained = {start}.union(*(bug.breaks for bug in alike))
        if self._is_trusted:
            # That this bug breaks them, too, is more probable than that there is a second one.
            explained |= {rule for rule in self.failures if self._is_open(rule)}
        return explained | {
            id for id, rule in self.failures.items() if rule.blocked_by in explained
        }


def _is_of_store(rule: str) -> bool:
    """Whether the rule is about the task store, which builds on the backend."""
    return rule.startswith("STORE-")
