"""How surely the rules on races, crashes and broken networks find what they are for, and no more.

python tests/detection.py caught [RUNS] [WORD] [PROCESSES]
    each mutant's rule with RUNS seeds (100); only mutants whose rule or name holds WORD; so
    many PROCESSES at a time (2): FLT rules mostly wait, and a dozen at a time do no harm
python tests/detection.py alarms [RUNS]
    CON on memory, CON and DUR on the correct file store, RUNS seeds each (200), two at a time
    while a third process keeps the processors busy
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from mutants import Mutant, mutants
from mutants.harness import convict, prepared
from mutants.rules_dur.support import DurableTarget
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets.memory import MemoryTarget


def caught(runs: int = 100, word: str = "", processes: str = "2") -> None:
    """Print for each mutant what became of its rule, and how long a run takes."""
    chosen = [m for m in seeded_mutants() if f"{m.rule} {m.name}".count(word)]
    with ProcessPoolExecutor(int(processes)) as pool:
        found = {m: [pool.submit(outcome, m.name, seed) for seed in range(runs)] for m in chosen}
        for mutant, futures in found.items():
            outcomes, seconds = zip(*(future.result() for future in futures), strict=True)
            told = ", ".join(f"{number} {what}" for what, number in Counter(outcomes).items())
            took = 1_000 * sum(seconds) / runs
            print(f"{mutant.rule:7} {mutant.name:32} {told} ({took:.0f} ms)", flush=True)


def seeded_mutants() -> list[Mutant]:
    """The mutants of rules that draw something at random: races, crashes, broken networks."""
    return [mutant for mutant in mutants() if mutant.rule.startswith(("CON-", "DUR-", "FLT-"))]


def outcome(name: str, seed: int) -> tuple[str, float]:
    """What becomes of the rule that the mutant of that name breaks, and after how many seconds."""
    mutant = next(mutant for mutant in mutants() if mutant.name == name)
    begun = time.monotonic()
    result = convict(mutant, seed)
    took = time.monotonic() - begun
    if result.finding is not None and result.finding.traceback:
        return f"{result.outcome.value} by {result.finding.observed[:60]}", took
    return result.outcome.value, took


def alarms(runs: int = 200) -> None:
    """Print for each correct backend and rule how many runs failed."""
    with busy(), ProcessPoolExecutor(2) as pool:
        for kind, groups in ((MemoryTarget, "CON"), (DurableTarget, "CON DUR")):
            failures = list(pool.map(failed, [kind] * runs, [groups] * runs, range(runs)))
            told = [line for lines in failures for line in lines]
            print(f"{kind.name}: {runs} runs of {groups}, {len(told)} failures", *told, sep="\n  ")


def failed(kind: type[BackendTarget], groups: str, seed: int) -> list[str]:
    """A line for each rule of the groups that does not pass."""
    rules = [rule for rule in catalogue().values() if rule.id.split("-")[0] in groups.split()]
    with prepared(kind(), seed) as run:
        parts = [(rule, part) for rule in rules for part in range(rule.parts)]
        results = [run_rule(rule, run, part) for rule, part in parts]
    fine = (Outcome.PASSED, Outcome.NOT_APPLICABLE)
    return [f"{r.rule} seed {seed}: {r.finding}" for r in results if r.outcome not in fine]


@contextmanager
def busy() -> Iterator[None]:
    """A process that does nothing but take processor time."""
    spinning = multiprocessing.Process(target=spin, daemon=True)
    spinning.start()
    yield
    spinning.kill()


def spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    if sys.argv[1:2] == ["caught"]:
        caught(runs, *sys.argv[3:5])
    elif sys.argv[1:2] == ["alarms"]:
        alarms(runs)
    else:
        sys.exit(__doc__)
