"""What the kit costs: a run of the contract on each backend, and the start of pytest with it.

A run is one process of pytest without xdist, once for each backend, beside the run on memory; what
counts are its seconds and the processor time of all its processes, without a server's. Where it was
ended early, the last backends are left out. The start is a run of one empty test, with and without
the plugin, in turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.children import pytest
from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import compare, result

DEAREST = 10


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    folder = engines.folder()
    yield from _start(folder, scale)
    selected = ["-k", "GET or CRE"] if scale.is_quick else []
    memory = None
    for name, variables in _backends(engines).items():
        report = folder / f"{name}.json"
        options = ["-p", "pmcp_conformance", "--pmcp-backend", name, f"--pmcp-report={report}"]
        sample = pytest([*options, *selected], folder, variables())
        memory = memory or sample
        rules = _rules(report)
        names = f"contract on {name}", "the kit", "contract on memory"
        counted = {
            "processor seconds": sample.processor / 1e6,
            "rules": len(rules),
            "operations": sum(rule["calls"] for rule in rules),
        }
        yield replace(result(names, [sample], [memory]), counted=counted)
        yield _dearest(name, rules)


def _start(folder: Path, scale: Scale) -> Iterator[Result]:
    test = folder / "test_nothing.py"
    test.write_text("def test_nothing(): pass\n", encoding="utf-8")
    rounds = 3 if scale.is_quick else 15
    sides = {
        "with the kit": {"start": lambda n: pytest(["-p", "pmcp_conformance", test.name], folder)},
        "bare pytest": {"start": lambda n: pytest([test.name], folder)},
    }
    yield from compare(sides, {}, rounds)


def _backends(engines: Engines) -> Mapping[str, Callable[[], Mapping[str, str]]]:
    """For each backend, the variables by which its run finds its server, which they start."""
    return {
        "memory": dict,
        "sqlite": dict,
        "redis": lambda: {"REDIS_URL": f"{engines.redis()}/0"},
        "postgres": lambda: {"PMCP_POSTGRES_URL": engines.postgres()},
        "dynamodb": lambda: {"AWS_ENDPOINT_URL": engines.dynamodb()},
    }


def _rules(report: Path) -> list[dict[str, Any]]:
    [backend] = json.loads(report.read_text(encoding="utf-8"))["backends"]
    return [rule for rule in backend["rules"] if rule["seconds"]]


def _dearest(name: str, rules: list[dict[str, Any]]) -> str:
    most = sorted(rules, key=lambda rule: -rule["seconds"])[:DEAREST]
    total = sum(rule["seconds"] for rule in rules)
    each = ", ".join(f"{rule['id']} {rule['seconds']:.1f}" for rule in most)
    return f"The dearest rules on {name}, in seconds of {total:.0f} for all: {each}."
