"""The contract on a DynamoDB engine that does the worst that DynamoDB may do, all the time.

Reads that are not strongly consistent see nothing yet, pages are small, one request in ten is
throttled, and one answer in ten is lost.
"""

from __future__ import annotations

import json
import time
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.dynamodb import DynamoDbTarget
from pmcp_storage import AsyncStorageBackend, StorageBackend
from support.dynamodb_faults import Answer, Fault, Request, throttle
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import NO_RETRIES

PAGE = 3

# So many attempts that one comes through: an operation that fails is right, and shows little.
# Mode adaptive repeats as standard does, and slows itself down besides, by minutes.
STANDARD = {"mode": "standard", "max_attempts": 12}
LEGACY = {"mode": "legacy", "max_attempts": 12}

# Without those that need to know what a delete did, or the version of a much later conflict: where
# an answer is lost, nobody knows.
ALONE = """
    GET-2 GET-3 CRE-1 PUT-1 PUT-2 PUT-3 PUT-4 PUT-5 PUT-6 CAS-1 CAS-6 CAS-7 CAS-8
    LIST-1 LIST-4 LIST-5 LIST-6 LIST-13
"""
TOGETHER = "CON-1 CON-2 CON-3 CON-4 CON-5 CON-6 CON-7 CON-11 FLT-8"
EITHER_WAY = [
    *((STANDARD, rules) for rules in (ALONE, *TOGETHER.split())),
    *((LEGACY, rule) for rule in ("CON-1", "CON-2", "CON-3", "CON-6", "FLT-8")),
]


def adversary(seed: int) -> Fault:
    """Whatever may happen to a request, drawn from a seed."""
    random = Random(seed)

    def meets(request: Request) -> Answer | None:
        if request.action in ("GetItem", "Query") and not request.fields.get("ConsistentRead"):
            return Answer(200, {}, json.dumps({"Items": [], "Count": 0}).encode())
        drawn = random.random()
        if drawn < 0.1:
            return throttle(request)
        pages = request.action == "Query" and request.fields.get("Limit", PAGE) >= PAGE
        answer = request(Limit=PAGE) if pages else request()
        return None if drawn < 0.2 else answer

    return meets


class AdverseTarget(DynamoDbTarget):
    """The shipped target, whose handles all reach the engine through the adversary."""

    answer_within = 30.0

    def __init__(self, endpoint: str, retries: dict[str, Any]) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.connection = {**self.connection, "retries": retries}

    def offers(self, back_door: str) -> bool:
        # A thousand records there, three to a page, would take a minute and show nothing more.
        return back_door != "open_fresh" and super().offers(back_door)

    def open(self) -> StorageBackend | AsyncStorageBackend:
        return self.open_at(*self.address())

    def address(self) -> tuple[str, int]:
        endpoint = urlsplit(self.endpoint)
        return endpoint.hostname or "", endpoint.port or 80


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients repeat as often as they must, and cut the pauses between their attempts.

    Throttled once, a client waits for up to a second; after some hundreds of repetitions it makes
    none.
    """
    monkeypatch.setattr("botocore.retries.quota.RetryQuota.__init__.__defaults__", (10**6, None))
    shortened = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.01)))
    monkeypatch.setattr("botocore.endpoint.time", shortened)


@pytest.fixture
def adverse(proxy: DynamoDbProxy) -> DynamoDbProxy:
    proxy.always(adversary(seed=4))
    return proxy


def violations(proxy: DynamoDbProxy, retries: dict[str, Any], rules: str) -> list[str]:
    """What the rules find of a backend behind the adversary."""
    target = AdverseTarget(proxy.endpoint, retries)
    target.prepare()
    run = TargetRun(target)
    chosen = [catalogue()[rule] for rule in rules.split()]
    try:
        results = [run_rule(rule, run, part) for rule in chosen for part in range(rule.parts)]
    finally:
        run.close()
        target.dispose()
    return [f"{r.rule}: {r.finding}" for r in results if r.outcome is not Outcome.PASSED]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("retries", "rules"),
    EITHER_WAY,
    ids=[f"{retries['mode']}-{rules.split()[0]}" for retries, rules in EITHER_WAY],
)
def test_behind_an_adversary_nothing_is_lost_duplicated_or_misreported(
    adverse: DynamoDbProxy, retries: dict[str, Any], rules: str
) -> None:
    assert violations(adverse, retries, rules) == []


def test_without_retries_the_history_behind_an_adversary_is_linearizable(
    adverse: DynamoDbProxy,
) -> None:
    assert violations(adverse, NO_RETRIES, "CON-8") == []
