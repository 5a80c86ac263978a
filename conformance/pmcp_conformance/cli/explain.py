"""`pmcp-conformance explain CAS-4`: a rule, why it matters, what mends it, what proves it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files

from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.cli.layout import heading, paragraph

HELP = "explain a rule: why it matters, a real bug, what mends a backend, and the rule's mutants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand takes."""
    parser.add_argument("rule", type=_rule, metavar="RULE", help="its id, such as CAS-4")


def run(options: argparse.Namespace) -> None:
    """Print the explanation."""
    print("\n\n".join(_sections(options.rule)))


def _rule(name: str) -> Rule:
    rules = catalogue()
    if name not in rules:
        nearest = ", ".join(get_close_matches(name.upper(), rules))
        hint = f"the nearest are {nearest}" if nearest else "`pmcp-conformance rules` lists them"
        raise argparse.ArgumentTypeError(f"there is no rule {name}; {hint}")
    return rules[name]


def _sections(rule: Rule) -> Iterator[str]:
    told = rule.explanation
    yield heading(rule)
    yield paragraph(f"Why: {told.why}")
    if told.real_bug:
        yield paragraph(f"Real bug: {told.real_bug}") + f"\n{told.source}"
    yield paragraph(f"Mend: {told.mend}")
    if told.facts:
        yield paragraph(f"Facts: {told.facts}")
    yield "\n".join(["Mutants, broken backends that this rule catches:", *_mutants(rule)])


def _mutants(rule: Rule) -> Iterator[str]:
    """Those that break this rule. They are tests of the kit, of which it has the descriptions."""
    data = files("pmcp_conformance.cli").joinpath("mutants.json").read_text(encoding="utf-8")
    for mutant in json.loads(data):
        if mutant["rule"] == rule.id:
            yield paragraph(f"{mutant['name']}: {mutant['what']}", "- ", "  ")
