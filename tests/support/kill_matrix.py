"""The kill matrix: every rule runs against every mutant; `tests/generate_docs.py` writes it.

Of a rule in several parts the first part runs, except of the rule that the mutant is to break. The
rules on races, crashes and faults are tried on their own mutants only, and mutants on PostgreSQL on
the rule that they break.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant, mutants
from mutants.harness import confined, convict
from mutants.postgres import PgBackend
from mutants.postgres_target import PgTarget, shared_server
from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.report.results import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "kill-matrix.md"

_INTRODUCTION = """\
# Which rule catches which bug

A rule that cannot fail proves nothing. So each rule of the contract is tried on *mutants*: backends
that are correct but for one small bug, modelled on bugs that real storages have had. The mutants
are the classes in `tests/mutants/`; `tests/kit/test_mutants.py` checks with every build that the
rule named here convicts its mutant, and that no rule is without one.

This page shows more: what all the other rules say of each mutant. A bug seldom breaks only one
promise, so other rules may fail as well, or be *blocked*: a rule is blocked if something that it
builds on already fails, and another rule says what. The rules on races, crashes and faults (CON,
DUR, FLT) take longer, and are tried on their own mutants only; mutants on a PostgreSQL server are
tried on the rule that they break.

Made by `python tests/generate_docs.py matrix`; do not edit it by hand.

{mutants} mutants, {rules} rules; {alone} mutants are caught by the rule that they break and by no
other.
"""

RULES = list(catalogue().values())


@dataclass(frozen=True)
class Verdicts:
    """What the rules say of a mutant, by rule id."""

    outcomes: dict[str, Outcome]

    def with_outcome(self, outcome: Outcome) -> list[str]:
        """The ids of the rules of this outcome."""
        return [rule for rule, found in self.outcomes.items() if found is outcome]


def kill_matrix_page() -> str:
    """The page in Markdown; takes some minutes on two processors."""
    every_mutant = mutants()
    # More than processors: where something hangs, a rule waits until that is certain.
    workers = ProcessPoolExecutor(4 * (os.cpu_count() or 1), initializer=_silence_output)
    with shared_server(), workers as pool:
        verdicts = list(pool.map(_verdicts_on, [mutant.name for mutant in every_mutant]))
    return _page(list(zip(every_mutant, verdicts, strict=True)))


def _silence_output() -> None:
    """Some mutants write to standard output, and some log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _verdicts_on(name: str) -> Verdicts:
    """Run all rules against the mutant of this name."""
    mutant = next(mutant for mutant in mutants() if mutant.name == name)
    outcomes: dict[str, Outcome] = {}
    if not issubclass(mutant.kind, PgBackend | PgTarget):
        with confined(mutant) as run:
            outcomes = {rule.id: run_rule(rule, run).outcome for rule in RULES if _is_quick(rule)}
    # On storage of its own: a bug that shows only once may have shown by then.
    return Verdicts({**outcomes, mutant.rule: convict(mutant).outcome})


def _is_quick(rule: Rule) -> bool:
    return not rule.id.startswith(("CON-", "DUR-", "FLT-"))


def _page(found: Sequence[tuple[Mutant, Verdicts]]) -> str:
    alone = sum(len(verdicts.with_outcome(Outcome.FAILED)) == 1 for _, verdicts in found)
    lines = [_INTRODUCTION.format(mutants=len(found), rules=len(RULES), alone=alone)]
    for rule in RULES:
        lines += [f"## {rule.id}", "", _plain(rule.sentence), ""]
        lines += ["| mutant | what it breaks | others that fail | blocked |", "|---|---|---|---|"]
        lines += [_row(mutant, verdicts) for mutant, verdicts in found if mutant.rule == rule.id]
        lines += [""]
    return "\n".join(lines)


def _row(mutant: Mutant, verdicts: Verdicts) -> str:
    failed = [rule for rule in verdicts.with_outcome(Outcome.FAILED) if rule != mutant.rule]
    blocked = verdicts.with_outcome(Outcome.BLOCKED)
    caught = verdicts.outcomes[mutant.rule] is Outcome.FAILED
    name = f"`{mutant.name}`" if caught else f"`{mutant.name}` **not caught**"
    return f"| {name} | {_plain(mutant.what)} | {_listed(failed)} | {_listed(blocked)} |"


def _plain(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", text)


def _listed(rules: list[str]) -> str:
    return ", ".join(rules) if rules else "–"  # noqa: RUF001 - a dash, as print sets it
