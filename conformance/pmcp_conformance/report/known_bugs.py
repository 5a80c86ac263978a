"""The bugs that the kit knows, and which rules each of them breaks: how it looks from outside.

They are the mutants that prove the rules. `known_bugs.json` is made from the kill matrix by
`tests/generate_docs.py bugs`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

FILE = Path(__file__).with_name("known_bugs.json")


@dataclass(frozen=True)
class KnownBug:
    """A backend that is correct but for one bug."""

    mutant: str
    rule: str
    """The rule that it was written to break."""
    what: str
    fails: frozenset[str]
    """The rules that fail on it, its own among them."""
    blocked: frozenset[str]

    @cached_property
    def breaks(self) -> frozenset[str]:
        """The rules that fail or are blocked on it."""
        return self.fails | self.blocked


@dataclass(frozen=True)
class KnownBugs:
    """Bugs to compare a backend with."""

    bugs: Sequence[KnownBug]
    untried: frozenset[str] = frozenset()
    """The groups whose rules were tried on the bugs of the same rule only."""

    def was_tried(self, rule: str, bug: KnownBug) -> bool:
        """Whether it is known what the rule says of this bug."""
        return rule == bug.rule or rule.partition("-")[0] not in self.untried

    def fit(self, bug: KnownBug, broken: AbstractSet[str], judged: AbstractSet[str]) -> float:
        """How much a backend that breaks these of the judged rules looks like this bug: 0 to 1.

        It is the share of the rules that both break among those that either breaks. A rule counts
        the more, the fewer bugs break it; what was not judged, here or there, does not count.
        """
        shared = broken & bug.breaks
        if not shared:
            return 0.0
        here = {rule for rule in broken if self.was_tried(rule, bug)}
        return self._weight(shared) / self._weight(here | (bug.breaks & judged))

    def _weight(self, rules: AbstractSet[str]) -> float:
        return sum(
            math.log((len(self.bugs) + 1) / (self._often[rule] + 0.5)) for rule in sorted(rules)
        )

    @cached_property
    def _often(self) -> Counter[str]:
        return Counter(rule for bug in self.bugs for rule in bug.breaks)


@cache
def known_bugs() -> KnownBugs:
    """All bugs that the kit knows."""
    data = json.loads(FILE.read_text(encoding="utf-8"))
    bugs = [
        KnownBug(
            bug["mutant"],
            bug["rule"],
            bug["what"],
            fails=frozenset(bug["fails"]),
            blocked=frozenset(bug["blocked"]),
        )
        for bug in data["bugs"]
    ]
    return KnownBugs(bugs, frozenset(data["untried"]))
