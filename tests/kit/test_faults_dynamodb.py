"""The fault rules on DynamoDB with boto3's other ways to repeat a request, and with none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.dynamodb import DynamoDbTarget
from support.dynamodb_support import NO_RETRIES, RETRIES

RULES = [rule for rule in catalogue().values() if rule.id.startswith("FLT-")]
MODES: dict[str, dict[str, Any]] = {**RETRIES, "none": NO_RETRIES}
del MODES["standard"]  # the shipped target's, with which the contract is run on the engine anyway


class RetryingTarget(DynamoDbTarget):
    """The shipped target with another way to repeat requests."""

    answer_within = 20.0

    def __init__(self, retries: dict[str, Any]) -> None:
        super().__init__()
        # Ten attempts, legacy's default, wait for three seconds where nothing is ever answered.
        timeout = 0.3 if retries["mode"] == "legacy" else 0.6
        self.connection = {**self.connection, "retries": retries, "read_timeout": timeout}


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the pauses between attempts, which make legacy's ten take 25 s."""
    shortened = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.03)))
    monkeypatch.setattr("botocore.endpoint.time", shortened)


@pytest.fixture(scope="module", params=MODES)
def run(request: pytest.FixtureRequest, dynamodb_client: object) -> Iterator[TargetRun]:
    target = RetryingTarget(MODES[request.param])
    target.prepare()
    run = TargetRun(target)
    yield run
    assert run.finish() == []
    target.dispose()


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_fault_makes_the_backend_lie(rule: Rule, run: TargetRun) -> None:
    result = run_rule(rule, run)
    # Where this machine has no time for it, the rule says so.
    assert result.outcome in (Outcome.PASSED, Outcome.INCONCLUSIVE), result.finding


@pytest.mark.parametrize(
    ("endpoint", "offered"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("https://127.0.0.1:8000", False),
        ("http://192.0.2.1:8000", False),
    ],
)
def test_the_proxy_stands_before_plain_http_on_loopback_only(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, offered: bool
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("PMCP_CONFORMANCE_TABLE", "tasks")
    target = DynamoDbTarget()
    target.named = True
    assert target.unavailable() is None
    assert [target.offers(door) for door in ("address", "open_at", "plant")] == [
        offered,
        offered,
        True,
    ]
