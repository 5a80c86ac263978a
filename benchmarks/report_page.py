"""What the HTML page of a report costs: `PYTHONPATH=tests python -m benchmarks.report_page`.

A report of fourteen backends with every rule of the contract is rendered, and loaded by a headless
Chromium from a file. What counts is CPU time, that of the page's main thread until the page can be
used, for neither of them waits for anything, and a busy machine is not the page's fault. The limit
is a second for loading; over it, the exit status is 1.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

from playwright.sync_api import Browser

from pmcp_conformance.report.model import Report
from pmcp_conformance.report.page import page
from support.browser import chromium
from support.sample_reports import fourteen

ROUNDS = 9
LIMIT_SECONDS = 1.0


def main() -> int:
    """Measure, print the medians, and return 1 if the limit is exceeded, else 0."""
    report = fourteen()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder) / "report.html"
        rendered = median(_rendering(report, file) for _ in range(ROUNDS))
        loaded = median(_loading(browser, file) for _ in range(ROUNDS))
        size = file.stat().st_size / 1e6
    print(f"{len(report.backends)} backends, {size:.2f} MB: ", end="")
    print(f"rendered in {rendered:.2f} s, loaded in {loaded:.2f} s of CPU")
    return int(loaded > LIMIT_SECONDS)


def _rendering(report: Report, file: Path) -> float:
    start = process_time()
    file.write_text(page(report), encoding="utf-8")
    return process_time() - start


def _loading(browser: Browser, file: Path) -> float:
    opened = browser.new_page()
    metrics = opened.context.new_cdp_session(opened)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened.goto(file.as_uri())
    opened.wait_for_selector("#matrix[data-ready]", state="attached")
    found = {one["name"]: one["value"] for one in metrics.send("Performance.getMetrics")["metrics"]}
    opened.close()
    return float(found["ThreadTime"])


if __name__ == "__main__":
    sys.exit(main())
