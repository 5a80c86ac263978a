"""Joining the reports of several runs, of other backends or on other machines, into one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pmcp_conformance.report.model import BackendResult, Report


def merge(reports: Sequence[tuple[Path, Report]]) -> Report:
    """All backends of these reports, in their order.

    A label that several runs have is followed by what tells their files apart.
    """
    sources = _distinctions([file for file, _ in reports])
    found = [
        (source, backend)
        for source, (_, report) in zip(sources, reports, strict=True)
        for backend in report.backends
    ]
    return Report(backends=list(_labelled(found)))


def _labelled(found: Sequence[tuple[str, BackendResult]]) -> Iterator[BackendResult]:
    often = Counter(backend.label for _, backend in found)
    taken = set[str]()
    for source, backend in found:
        label = backend.label
        if often[label] > 1:
            label = f"{label} ({source})"
        label = _free(label, taken)
        taken.add(label)
        yield backend.model_copy(update={"label": label})


def _free(label: str, taken: set[str]) -> str:
    """The label, with a number if it is taken."""
    number, free = 1, label
    while free in taken:
        number += 1
        free = f"{label} #{number}"
    return free


def _distinctions(files: Sequence[Path]) -> list[str]:
    """What tells each of these files from the others: `linux` and `mac` of `linux/report.json` and
    `mac/report.json`."""
    paths = [Path(os.path.abspath(file)).with_suffix("").parts for file in files]
    start = _common(paths)
    end = _common([path[start:][::-1] for path in paths])
    return ["/".join(path[start : len(path) - end]) or path[-1] for path in paths]


def _common(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all of these paths begin with."""
    count = 0
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        count += 1
    return count
