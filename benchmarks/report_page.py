"""What the HTML page of a report costs: rendering it, and loading it in a browser.

A report of fourteen backends with every rule of the contract is rendered, beside its JSON, and
loaded by a headless Chromium from a file, beside an empty page. What counts is processor time, that
of the page's main thread until the page can be used, for neither waits for anything: at most a
second for loading, in the turn that took least.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Sample, Step, compare, timed
from pmcp_conformance.report.page import page
from support.sample_reports import fourteen

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = 9
EMPTY = "<!doctype html><title>empty</title><p id=matrix data-ready>nothing</p>"


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    report = fourteen()
    rounds = 3 if scale.is_quick else ROUNDS
    sides: dict[str, dict[str, Step]] = {
        "the page": {"render": lambda n: page(report)},
        "its JSON": {"render": lambda n: report.model_dump_json()},
    }
    yield from compare(sides, {}, rounds)
    if shutil.which("chromium") is None:
        yield "Loading is left out: install chromium."
        return
    from support.browser import chromium

    files = [engines.folder() / name for name in ("report.html", "empty.html")]
    for file, text in zip(files, (page(report), EMPTY), strict=True):
        file.write_text(text, encoding="utf-8")
    with chromium() as browser:
        loads: dict[str, dict[str, Step]] = {
            "the page": {"load": lambda n: _load(browser, files[0])},
            "an empty page": {"load": lambda n: _load(browser, files[1])},
        }
        yield from compare(loads, {"an empty page": Limit(1e6, of="processor")}, rounds)
    yield f"The page has {files[0].stat().st_size / 1e6:.2f} MB."


def _load(browser: Browser, file: Path) -> Sample:
    opened = browser.new_page()
    metrics = opened.context.new_cdp_session(opened)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})

    def load(_: int) -> None:
        opened.goto(file.as_uri())
        opened.wait_for_selector("#matrix[data-ready]", state="attached")

    wall = timed(load).wall
    found = {one["name"]: one["value"] for one in metrics.send("Performance.getMetrics")["metrics"]}
    opened.close()
    return Sample(wall, float(found["ThreadTime"]) * 1e6)
