"""The drivers of `examples/drivers/` are built, keep the protocol, and their broken variants fail.

That the drivers themselves are CONFORMANT takes minutes: `.ci/drivers` sees to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.transcript import replay

ROOT = Path(__file__).parents[2]

TOOLCHAINS = {"go": "go", "rust": "cargo", "typescript": "npm"}
"""By the name of a language's folder, the program without which nothing can be built."""

DRIVERS = {
    "go": ("go-map", "go-files"),
    "rust": ("rust-map", "rust-sqlite"),
    "typescript": ("ts-map", "ts-sqlite"),
}

BROKEN = {
    "go": {
        "go-broken-floats": ["VAL-2"],
        "go-broken-in-place": ["DUR-2", "DUR-8"],
        "go-broken-lock-per-handle": ["CON-1", "CON-2", "CON-4", "CON-10"],
        "go-broken-swallowed-error": ["ERR-3"],
    },
    "rust": {
        "rust-broken-floats": ["VAL-2"],
        "rust-broken-guard-dropped": ["CON-1", "CON-2"],
        "rust-broken-poisoned-mutex": ["KEY-7"],
    },
    "typescript": {
        "ts-broken-doubles": ["VAL-2"],
        "ts-broken-missing-await": ["CON-1", "CON-2"],
        "ts-broken-swallowed-error": ["ERR-3"],
    },
}
"""The drivers with a bug, and the rules that it breaks: of races not each of them every time."""


@pytest.mark.parametrize("language", TOOLCHAINS)
def test_the_drivers_of_a_language(language: str, tmp_path: Path) -> None:
    built = built_in(tmp_path, language)
    for name in DRIVERS[language]:
        folder = tmp_path / f"storage of {name}"
        folder.mkdir()
        environment = {**os.environ, "PMCP_DRIVER_DIR": str(folder)}
        assert list(replay([str(built / name)], environment)) == [], name
    for name, rules in BROKEN[language].items():
        chosen = [f"{name}::{rule}" for rule in rules]
        ran = judged(built / name, *chosen)
        if ran.returncode == 0:  # as a race may once in many times
            ran = judged(built / name, *chosen)
        assert ran.returncode == 1, ran.stdout + ran.stderr
        assert f"{name} NOT CONFORMANT" in ran.stdout


def built_in(folder: Path, language: str) -> Path:
    """The folder with the drivers of a language: that of PMCP_DRIVERS, or this one."""
    if "PMCP_DRIVERS" in os.environ:
        return Path(os.environ["PMCP_DRIVERS"])
    toolchain = TOOLCHAINS[language]
    if shutil.which(toolchain) is None:
        assert "CI" not in os.environ, f"CI has no {toolchain}"
        pytest.skip(f"there is no {toolchain}")
    script = ROOT / "examples" / "drivers" / language / "build.sh"
    ran = run(["sh", str(script), str(folder)], os.environ)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def judged(driver: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pmcp_conformance", "run", *options, "--", str(driver)]
    return run(command, os.environ)


def run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
