"""The kill matrix: every rule runs against every mutant; `tests/generate_docs.py` writes it.

Of a rule in several parts the first part runs, except of the rule that the mutant is to break. The
rules on races, crashes and faults are tried on their own mutants only, and mutants on servers on
the rule that they break.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant, mutants
from mutants.harness import confined, convict
from mutants.postgres import PgBackend
from mutants.postgres_target import PgTarget
from mutants.servers import shared_servers
from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.report.results import Outcome
from pmcp_storage import AsyncDynamoDbBackend, DynamoDbBackend, RedisBackend

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
DUR, FLT) take longer, and are tried on their own mutants only; mutants on PostgreSQL, Redis and
DynamoDB are tried on the rule that they break. One that says *not tried* is newer than the last
run.

Made by `python tests/generate_docs.py matrix`; do not edit it by hand.

{mutants} mutants, {rules} rules; {alone} of the {on_all} mutants that were tried on other rules are
caught by the one that they break and by no other.
"""

_ON_SERVERS = (PgBackend, PgTarget, RedisBackend, DynamoDbBackend, AsyncDynamoDbBackend)

TRIED_ON_THEIR_OWN = ("CON", "DUR", "FLT")
"""The groups whose rules take longer, and are tried on their own mutants only."""

_ROW = re.compile(r"\| `(?P<mutant>\w+)` \| .* \| (?P<fails>[^|]*) \| (?P<blocked>[^|]*) \|$")
_RULE = re.compile(r"[A-Z]+-\d+")
_NOT_TRIED = "*not tried*"

RULES = list(catalogue().values())


@dataclass(frozen=True)
class Verdicts:
    """What the rules say of a mutant, by rule id."""

    outcomes: dict[str, Outcome]

    def with_outcome(self, outcome: Outcome) -> list[str]:
        """The ids of the rules of this outcome."""
        return [rule for rule, found in self.outcomes.items() if found is outcome]


def kill_matrix_page(*, anew: bool = True) -> str:
    """The page in Markdown; takes an hour on two processors.

    Not `anew`, only the mutants run that the page has not tried yet.
    """
    every_mutant = mutants()
    tried = {} if anew else tried_mutants()
    names = [mutant.name for mutant in every_mutant if mutant.name not in tried]
    # More than processors: where something hangs, a rule waits until that is certain.
    workers = ProcessPoolExecutor(4 * (os.cpu_count() or 1), initializer=_silence_output)
    with shared_servers(), workers as pool:
        runs = {name: pool.submit(_verdicts_on, name) for name in names}
        for name, run in runs.items():
            if error := run.exception():
                print(f"{name}: {error!r}", file=sys.stderr)
            else:
                tried[name] = run.result()
    return _page([(mutant, tried.get(mutant.name)) for mutant in every_mutant])


def tried_mutants() -> dict[str, Verdicts]:
    """What the page says of the mutants that it has tried, but for the rules that passed."""
    found = dict[str, Verdicts]()
    rule = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        rule = line.removeprefix("## ") if line.startswith("## ") else rule
        row = _ROW.match(line)
        if row and _NOT_TRIED not in line:
            blocked = dict.fromkeys(_RULE.findall(row["blocked"]), Outcome.BLOCKED)
            failed = dict.fromkeys([rule, *_RULE.findall(row["fails"])], Outcome.FAILED)
            found[row["mutant"]] = Verdicts(blocked | failed)
    return found


def _silence_output() -> None:
    """Some mutants write to standard output, and some log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _verdicts_on(name: str) -> Verdicts:
    """Run all rules against the mutant of this name."""
    mutant = next(mutant for mutant in mutants() if mutant.name == name)
    outcomes: dict[str, Outcome] = {}
    if not _is_on_a_server(mutant):
        with confined(mutant) as run:
            outcomes = {rule.id: run_rule(rule, run).outcome for rule in RULES if _is_quick(rule)}
    # On storage of its own: a bug that shows only once may have shown by then.
    return Verdicts({**outcomes, mutant.rule: convict(mutant).outcome})


def _is_on_a_server(mutant: Mutant) -> bool:
    return issubclass(mutant.kind, _ON_SERVERS)


def _is_quick(rule: Rule) -> bool:
    return rule.group not in TRIED_ON_THEIR_OWN


def _page(found: Sequence[tuple[Mutant, Verdicts | None]]) -> str:
    on_all = [verdicts for mutant, verdicts in found if verdicts and not _is_on_a_server(mutant)]
    alone = sum(len(verdicts.with_outcome(Outcome.FAILED)) == 1 for verdicts in on_all)
    counts = {"mutants": len(found), "rules": len(RULES), "alone": alone, "on_all": len(on_all)}
    lines = [_INTRODUCTION.format(**counts)]
    for rule in RULES:
        lines += [f"## {rule.id}", "", _plain(rule.sentence), ""]
        lines += ["| mutant | what it breaks | others that fail | blocked |", "|---|---|---|---|"]
        lines += [_row(mutant, verdicts) for mutant, verdicts in found if mutant.rule == rule.id]
        lines += [""]
    return "\n".join(lines)


def _row(mutant: Mutant, verdicts: Verdicts | None) -> str:
    if verdicts is None:
        return f"| `{mutant.name}` | {_plain(mutant.what)} | {_NOT_TRIED} | {_NOT_TRIED} |"
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
