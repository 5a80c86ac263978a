"""The bugs that the kit knows are those of docs/kill-matrix.md."""

from __future__ import annotations

from pmcp_conformance.report.known_bugs import FILE
from support.bug_fingerprints import bug_fingerprints


def test_the_known_bugs_are_those_of_the_kill_matrix() -> None:
    remedy = "run `python tests/generate_docs.py bugs`"
    assert FILE.read_text(encoding="utf-8") == bug_fingerprints(), remedy
