"""Runs every rule against every mutant and writes docs/kill-matrix.md.

    python tests/kill_matrix.py

Takes some minutes on two processors. Of a rule in several parts, the first part runs, except of
the rule that the mutant is to break. The rules on races, crashes and faults are tried on their own
mutants only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant, mutants
from mutants.harness import confined, convict
from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.report.results import Outcome

PAGE = Path(__file__).parent.parent / "docs" / "kill-matrix.md"

_INTRODUCTION = """\
# Which rule catches which fault

A rule that cannot fail proves nothing. So each rule of the contract is tried on *mutants*: backends
that are correct but for one small fault, modelled on faults that real storages have had. The
mutants are the classes in `tests/mutants/`; `tests/kit/test_mutants.py` checks with every build
that
the rule named here convicts its mutant, and that no rule is without one.

This page shows more: what all the other rules say of each mutant. A fault seldom breaks one
promise only, so other rules may fail as well, or be *blocked*: a rule is blocked if something that
it builds on already fails, and another rule says what. The rules on races, crashes and faults (CON,
DUR, FLT) take longer, and are tried on their own mutants only.

Made by `python tests/kill_matrix.py`; do not edit it by hand.

{count} mutants, {rules} rules; {alone} mutants are seen by the rule that they break and by no
other.
"""

RULES = list(catalogue().values())


def is_quick(rule: Rule) -> bool:
    return not rule.id.startswith(("CON-", "DUR-", "FLT-"))


@dataclass(frozen=True)
class Line:
    """What the rules say of a mutant."""

    outcomes: dict[str, Outcome]

    def with_outcome(self, outcome: Outcome) -> list[str]:
        return [rule for rule, found in self.outcomes.items() if found is outcome]


def line_of(name: str) -> Line:
    """Run all rules against the mutant of this name."""
    mutant = next(mutant for mutant in mutants() if mutant.name == name)
    with confined(mutant) as run:
        outcomes = {rule.id: run_rule(rule, run).outcome for rule in RULES if is_quick(rule)}
    # On storage of its own: what a mutant does once only may have been done by then.
    return Line({**outcomes, mutant.rule: convict(mutant).outcome})


def be_quiet() -> None:
    """Some mutants write to standard output, and some log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def page(found: Iterable[tuple[Mutant, Line]]) -> str:
    """The page in Markdown."""
    found = list(found)
    alone = sum(len(line.with_outcome(Outcome.FAILED)) == 1 for _, line in found)
    lines = [_INTRODUCTION.format(count=len(found), rules=len(RULES), alone=alone)]
    for rule in RULES:
        lines += [f"## {rule.id}", "", plain(rule.sentence), ""]
        lines += ["| mutant | what it breaks | others that fail | blocked |", "|---|---|---|---|"]
        lines += [row(mutant, line) for mutant, line in found if mutant.rule == rule.id]
        lines += [""]
    return "\n".join(lines)


def row(mutant: Mutant, line: Line) -> str:
    failed = [rule for rule in line.with_outcome(Outcome.FAILED) if rule != mutant.rule]
    blocked = line.with_outcome(Outcome.BLOCKED)
    what = plain(mutant.what)
    caught = line.outcomes[mutant.rule] is Outcome.FAILED
    name = f"`{mutant.name}`" if caught else f"`{mutant.name}` **not caught**"
    return f"| {name} | {what} | {listed(failed)} | {listed(blocked)} |"


def plain(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", text)


def listed(rules: list[str]) -> str:
    return ", ".join(rules) if rules else "–"  # noqa: RUF001 - a dash, as print sets it


def main() -> None:
    everyone = mutants()
    with ProcessPoolExecutor(os.cpu_count(), initializer=be_quiet) as pool:
        lines = list(pool.map(line_of, [mutant.name for mutant in everyone]))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(zip(everyone, lines, strict=True)), encoding="utf-8")


if __name__ == "__main__":
    main()
