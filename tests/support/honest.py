"""Whether rules accuse a backend that is known to be correct."""

from __future__ import annotations

from mutants.harness import prepared, run_parts
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.report.results import Outcome, Result

FINE = (Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.UNPROVEN)


def rules_of(*names: str) -> list[str]:
    """The ids of the rules of these groups, and of these ids."""
    return [rule for rule in catalogue() if rule in names or rule.partition("-")[0] in names]


def accused(target: BackendTarget, rules: list[str]) -> dict[str, Result]:
    """What has become of the rules that a target does not pass, but for a machine that is too busy
    to judge them."""
    with prepared(target) as run:
        results = {rule: run_parts(catalogue()[rule], run) for rule in rules}
    fine = (*FINE, Outcome.INCONCLUSIVE) if load_factor() > 1 else FINE
    return {rule: result for rule, result in results.items() if result.outcome not in fine}
