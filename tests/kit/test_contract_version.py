"""`--pmcp-contract-version`: a CI job that stays at a version while newer ones bring rules."""

from __future__ import annotations

from collections import Counter

import pytest

from pmcp_conformance.catalogue import CONTRACT_VERSION, contract_at, rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.report.formats import read
from support.kit_projects import ids, last_verdict, project, run_kit

NEWER = """
import pmcp_conformance.catalogue as kit
from dataclasses import replace

kit.CONTRACT_VERSION = "1.10"
rules = kit.catalogue()
rules["GET-2"] = replace(rules["GET-2"], since="1.9")
rules["GET-4"] = replace(rules["GET-4"], since="1.10")
"""
"""A kit whose contract has two newer versions."""


@pytest.mark.parametrize(
    ("version", "last", "missing"), [("1.0", "GET-3", 2), ("1.9", "GET-3", 1), ("1.10", "GET-4", 0)]
)
def test_a_version_has_the_rules_up_to_it(
    pytester: pytest.Pytester, version: str, last: str, missing: int
) -> None:
    project(pytester, extra=NEWER)
    options = ["--pmcp-contract-version", version, "--pmcp-report", "report.json", "-k", "GET"]
    result = run_kit(pytester, *options)
    assert result.parseoutcomes()["passed"] == 4 - missing
    [backend] = read(pytester.path / "report.json").backends
    found = {rule.id: rule.since for rule in backend.rules if rule.group == "GET"}
    assert list(found)[-1] == last
    expected = {"GET-1": "1.0", "GET-2": "1.9", "GET-3": "1.0", "GET-4": "1.10"}
    assert found.items() <= expected.items()
    assert (backend.run.contract, backend.run.newest_contract) == (version, "1.10")
    rules = len(contract_at("1.0" if version == "1.0" else None).rules) - missing
    assert f" {4 - missing} of {rules} " in last_verdict(result)


def test_the_newest_version_is_the_default(pytester: pytest.Pytester) -> None:
    project(pytester, extra=NEWER)
    result = run_kit(pytester, "-k", "GET")
    result.stdout.fnmatch_lines(["contract version 1.10"])
    older = run_kit(pytester, "-k", "GET", "--pmcp-contract-version", "1.9", "-n", "1")
    older.stdout.fnmatch_lines(["contract version 1.9 (this kit has 1.10)"])


def test_a_version_or_a_rule_that_there_is_not_is_refused(pytester: pytest.Pytester) -> None:
    project(pytester, extra=NEWER)
    result = run_kit(pytester, "--pmcp-contract-version", "1.5")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*-contract-version: there is no contract version 1.5: *has 1.0, 1.1, 1.2, 1.9, 1.10"]
    )
    result = run_kit(pytester, "--pmcp-contract-version", "1.0", *ids("GET-2"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mine::GET-2: the contract has no rule GET-2 in version 1.0"])


def test_a_rule_cannot_be_of_a_version_to_come() -> None:
    assert contract_at().version == CONTRACT_VERSION
    with pytest.raises(ValueError, match=r"contract version 99\.0 is still to come"):
        rule("GET-99", since="99.0")(to_come)


def to_come(trial: Trial) -> None:
    """A rule."""


RULES_OF_1_0 = {
    "GET": 4,
    "CRE": 3,
    "PUT": 7,
    "CAS": 14,
    "DEL": 4,
    "LIST": 13,
    "KEY": 12,
    "VAL": 12,
    "ISO": 4,
    "EXP": 13,
    "ERR": 10,
    "RES": 2,
    "MOD": 2,
    "CON": 12,
    "DUR": 6,
    "FLT": 13,
    "STORE": 31,
}


def test_a_version_that_is_out_gets_no_more_rules() -> None:
    groups = Counter(rule.group for rule in contract_at("1.0").rules.values())
    assert groups == RULES_OF_1_0
