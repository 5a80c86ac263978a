"""`pmcp-conformance rules CAS`: the rules, and what each needs of a target."""

from __future__ import annotations

import argparse

from pmcp_conformance.catalogue import GROUPS, catalogue
from pmcp_conformance.cli.layout import heading

HELP = "list the rules, with the facts, back doors and contract version that each needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand takes."""
    parser.add_argument(
        "group",
        nargs="?",
        choices=GROUPS,
        metavar="GROUP",
        help=f"only the rules of this group ({', '.join(GROUPS)})",
    )


def run(options: argparse.Namespace) -> None:
    """Print the rules."""
    for rule in catalogue().values():
        if options.group in (None, rule.group):
            print(heading(rule))
