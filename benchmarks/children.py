"""What commands cost: their seconds, and the processor time of all their processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.side_by_side import Sample


def pytest(
    options: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None
) -> Sample:
    """A run of pytest in the folder, with no plugins but those that are named."""
    environment = {**os.environ, **(variables or {}), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", *options]
    start, before = time.perf_counter(), _processor()
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):  # 1: a rule has failed, which the report says
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return Sample((time.perf_counter() - start) * 1e6, (_processor() - before) * 1e6)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
