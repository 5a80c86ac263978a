"""How surely the rules that draw at random catch their mutants, and how often they raise an alarm.

    python tests/detection.py caught --only CON-3
    python tests/detection.py alarms --seeds 50

A rule that always catches its mutant and never fails on a correct backend is sound with any seed,
on any machine; these commands measure how near the rules on races, crashes and broken networks
come to that. Neither is a test: both take from minutes to hours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from mutants import Mutant, mutants
from mutants.harness import convict, prepared
from mutants.rules_dur.support import DurableTarget
from mutants.servers import shared_servers
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.memory import MemoryTarget

RANDOM_GROUPS = ("CON", "DUR", "FLT")
"""The groups whose rules draw something at random: races, crashes, broken networks."""

CORRECT: dict[type[BackendTarget], tuple[str, ...]] = {
    MemoryTarget: ("CON",),
    DurableTarget: ("CON", "DUR"),
}
"""Targets without a bug, and the groups that must not fail on them."""


def main() -> None:
    options = _parser().parse_args()
    if options.command == "caught":
        report_caught(options.seeds, options.only, options.processes)
    else:
        report_alarms(options.seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/detection.py",
        description="Measure how surely the rules that draw at random catch their mutants, and how "
        "often they fail on correct backends.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="caught | alarms")
    caught = commands.add_parser("caught", help="run each mutant's rule with many seeds")
    caught.add_argument(
        "--seeds", type=_positive, default=100, help="seeds for each mutant (default: 100)"
    )
    caught.add_argument(
        "--only", metavar="TEXT", default="", help="mutants whose rule or name contains TEXT"
    )
    caught.add_argument(
        "--processes",
        type=_positive,
        default=2,
        help="rules that run at a time (default: 2); FLT rules mostly wait, so that a dozen of "
        "them at a time do no harm",
    )
    alarms = commands.add_parser(
        "alarms",
        help="run CON on memory, and CON and DUR on a correct file store, with many seeds, while "
        "another process keeps a processor busy",
    )
    alarms.add_argument(
        "--seeds", type=_positive, default=200, help="seeds for each target (default: 200)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def report_caught(seeds: int, only: str, processes: int) -> None:
    """Print for each mutant how its rule ended, how often, and how long a run takes."""
    chosen = [mutant for mutant in random_mutants() if only in f"{mutant.rule} {mutant.name}"]
    with shared_servers(), ProcessPoolExecutor(processes) as pool:
        runs = {m: [pool.submit(timed_run, m.name, seed) for seed in range(seeds)] for m in chosen}
        for mutant, futures in runs.items():
            outcomes, seconds = zip(*(future.result() for future in futures), strict=True)
            counts = ", ".join(f"{number} {what}" for what, number in Counter(outcomes).items())
            mean = 1_000 * sum(seconds) / seeds
            print(f"{mutant.rule:7} {mutant.name:32} {counts} ({mean:.0f} ms)", flush=True)


def random_mutants() -> list[Mutant]:
    """The mutants of the rules that draw at random."""
    return [mutant for mutant in mutants() if mutant.rule.partition("-")[0] in RANDOM_GROUPS]


def timed_run(name: str, seed: int) -> tuple[str, float]:
    """How the rule that the mutant of this name breaks ends, and after how many seconds."""
    mutant = next(mutant for mutant in mutants() if mutant.name == name)
    start = time.monotonic()
    result = convict(mutant, seed)
    seconds = time.monotonic() - start
    if result.finding is not None and result.finding.traceback:
        return f"{result.outcome.value} by {result.finding.observed[:60]}", seconds
    return result.outcome.value, seconds


def report_alarms(seeds: int) -> None:
    """Print for each correct target how often its rules failed, and which."""
    with busy_processor(), ProcessPoolExecutor(2) as pool:
        for target, groups in CORRECT.items():
            runs = pool.map(alarms, [target] * seeds, [groups] * seeds, range(seeds))
            found = [alarm for alarms_of_run in runs for alarm in alarms_of_run]
            names = " and ".join(groups)
            print(
                f"{target.name}: {seeds} runs of {names}, {len(found)} alarms", *found, sep="\n  "
            )


def alarms(target: type[BackendTarget], groups: tuple[str, ...], seed: int) -> list[str]:
    """A line for each rule of the groups that fails or cannot be judged."""
    rules = [rule for rule in catalogue().values() if rule.id.partition("-")[0] in groups]
    with prepared(target(), seed) as run:
        parts = [(rule, part) for rule in rules for part in range(rule.parts)]
        results = [run_rule(rule, run, part) for rule, part in parts]
    expected = (Outcome.PASSED, Outcome.NOT_APPLICABLE)
    return [f"{r.rule} seed {seed}: {r.finding}" for r in results if r.outcome not in expected]


@contextmanager
def busy_processor() -> Iterator[None]:
    """Another process that takes all the processor time it gets."""
    spinning = multiprocessing.Process(target=_spin, daemon=True)
    spinning.start()
    try:
        yield
    finally:
        spinning.kill()


def _spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
