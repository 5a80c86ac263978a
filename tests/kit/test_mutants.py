"""Every rule of the contract can fail: each has a broken backend that it convicts."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import warnings
from pathlib import Path

import pytest

from mutants import Mutant, mutants
from mutants.base import CollatedStorage, Merging, Recoding
from mutants.harness import convict, prepared, run_parts, summary
from mutants.postgres import Locking
from mutants.postgres_target import PgTarget
from mutants.rules_err.support import MissingTarget
from mutants.rules_val.val_9 import Limited
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome

MUTANTS = mutants()

RANDOM_GROUPS = ("CON-", "DUR-", "FLT-")
"""The groups whose rules draw at random: a rare miss is no fault of the change under test."""


def process_state() -> dict[str, object]:
    """What a mutant must leave behind as it was."""
    root = logging.getLogger()
    return {
        "environment": dict(os.environ),
        "root logger": (root.level, list(root.handlers)),
        "signal handlers": [signal.getsignal(number) for number in signal.valid_signals()],
    }


def held() -> tuple[int, int]:
    """The threads and open files of this process."""
    descriptors = Path("/proc/self/fd")
    files = len(os.listdir(descriptors)) if descriptors.exists() else 0
    return threading.active_count(), files


def collect_errors() -> None:
    """Let go of what is held by nothing but errors and the frames that they come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule}-{mutant.name}")
def test_the_rule_convicts_the_mutant(mutant: Mutant) -> None:
    mutant.target()  # starts a server that many of them need, for the rest of the run
    before, (threads, files) = process_state(), held()
    result = convict(mutant)
    if mutant.rule.startswith(RANDOM_GROUPS) and result.outcome is not Outcome.FAILED:
        result = convict(mutant, seed=1)  # how surely it is caught is for detection.py to measure
    assert process_state() == before
    if held()[1] > files:
        collect_errors()
    # Fewer is no fault: the collector may just have closed what other tests left to it.
    assert held()[0] <= threads
    assert held()[1] <= files
    if result.outcome is Outcome.INCONCLUSIVE and load_factor() > 2:
        pytest.skip(result.reason)
    assert result.outcome is Outcome.FAILED, f"{result.outcome} {result.reason}: {result.finding}"
    told = [line for line in summary(result) if line.startswith(f"  {mutant.rule} fails: ")]
    assert told == [f"  {mutant.rule} fails: {catalogue()[mutant.rule].sentence}"]


class Sound(MissingTarget):
    """Everything that mutants are made from, with nothing broken."""

    class backend(Limited, Recoding, Merging):  # noqa: N801
        pass

    storage = CollatedStorage
    storage_limit_bytes = Limited.limit


GROUPS = sorted({rule.split("-")[0] for rule in catalogue()})


@pytest.mark.parametrize("group", GROUPS)
def test_what_mutants_are_made_from_breaks_no_rule(group: str) -> None:
    run = TargetRun(Sound())
    rules = [rule for rule in catalogue().values() if rule.id.startswith(f"{group}-")]
    results = [run_rule(rule, run, part) for rule in rules for part in range(rule.parts)]
    assert [result for result in results if result.outcome is Outcome.FAILED] == []
    assert run.finish() == []


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "STORE"])
def test_the_postgres_that_mutants_are_made_from_breaks_no_rule(group: str) -> None:
    with prepared(PgTarget()) as run:
        rules = [rule for rule in catalogue().values() if rule.id.startswith(f"{group}-")]
        rules = [rule for rule in rules if not rule.why_unproven(run.target)]
        fine = (Outcome.PASSED, Outcome.NOT_APPLICABLE)
        suspects = [rule for rule in rules if run_parts(rule, run).outcome not in fine]
        # On a busy machine an answer may once take longer than a second, which is all it waits.
        results = [run_parts(rule, run) for rule in suspects]
        assert [result for result in results if result.outcome not in fine] == []
        assert run.finish() == []


@pytest.mark.parametrize("rule", ["CAS-2", "PUT-2", "CON-1", "CON-3", "EXP-10"])
def test_the_postgres_that_locks_breaks_no_rule_on_writes(rule: str) -> None:
    with prepared(PgTarget(Locking)) as run:
        result = run_parts(catalogue()[rule], run)
    assert result.outcome is Outcome.PASSED, (result.reason, result.finding)


def test_every_rule_has_a_mutant() -> None:
    assert set(catalogue()) - {mutant.rule for mutant in MUTANTS} == set()


def test_the_names_are_unique() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))


def test_the_kill_matrix_is_up_to_date() -> None:
    page = (Path(__file__).parents[2] / "docs" / "kill-matrix.md").read_text(encoding="utf-8")
    missing = [mutant.name for mutant in MUTANTS if f"| `{mutant.name}` | " not in page]
    missing += [rule for rule in catalogue() if f"## {rule}\n" not in page]
    assert not missing, "run `python tests/generate_docs.py matrix`"
