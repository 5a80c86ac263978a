"""The benchmarks' command runs, and docs/performance.md shows the figures that are kept beside it.

Nothing here looks at how great a figure is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import page
from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a quick run of one benchmark left its figures."""
    folder = tmp_path_factory.mktemp("measured")
    options = ["--quick", "--only", "memory", "--out", str(folder)]
    command = [sys.executable, "-m", "benchmarks", *options]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


def test_a_quick_run_leaves_ratios_with_their_spread(measured: Path) -> None:
    results = json.loads((measured / "memory.json").read_text())["results"]
    assert {result["operation"] for result in results} >= {"get", "create", "put_if_version"}
    for result in results:
        for kind in ("wall", "processor"):
            assert set(result[kind]) == {"median", "low", "high"}


def test_a_report_comes_back_from_its_file(measured: Path, tmp_path: Path) -> None:
    report = read(measured / "memory.json")
    assert read(report.save(tmp_path)) == report


def test_every_benchmark_says_what_it_measures() -> None:
    for benchmark in BENCHMARKS.values():
        assert callable(benchmark.run)
        assert benchmark.about


def test_the_page_shows_the_figures_beside_it() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(page.load(page.FOLDER))


def test_the_page_shows_every_picture_there_is() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    pictures = [file.name for file in page.FOLDER.glob("*.svg")]
    assert pictures
    assert all(f"(performance/{name})" in text for name in pictures)
