"""docs/matrix.md and its picture show the contract and the adapters as they are."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.targets import ADAPTERS
from matrix import ADAPTERS as FOLDER
from matrix import COLUMNS, Column
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.report.formats import read
from pmcp_conformance.report.model import RuleResult
from pmcp_conformance.report.results import Outcome
from support.matrix_page import PAGE, PICTURE, ROOT, read_sentences

BASIC = [
    rule
    for rule in catalogue()
    if rule.startswith(("GET-", "CRE-", "PUT-")) or rule == "CAS-1"
]  # fmt: skip
SUPPORT = Path(__file__).parents[1] / "support"


def cells() -> Iterator[tuple[str, str, str]]:
    """Group, backend and text of each cell of the page."""
    backends = list[str]()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            backends = []
            continue
        name, *texts = [text.strip() for text in line.strip("|").split("|")]
        if not backends:
            backends = texts
        elif name and name != "---":
            yield from (
                (name, backend, text) for backend, text in zip(backends, texts, strict=True)
            )


def label(column: Column) -> str:
    """What merged reports call it."""
    often = [other.target for other in COLUMNS].count(column.target)
    return column.name if often == 1 else f"{column.target} ({column.name})"


def test_every_adapter_has_a_column() -> None:
    assert [target.name for target in ADAPTERS] == [
        column.name for column in COLUMNS if column.is_adapter
    ]


def test_the_page_has_all_columns_and_groups() -> None:
    groups = {rule.rpartition("-")[0] for rule in catalogue()}
    expected = {(group, label(column)) for group in groups for column in COLUMNS}
    assert {(group, backend) for group, backend, _ in cells()} == expected


def test_every_failing_cell_says_what_it_would_do_to_a_user() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (.+)\n\n((?:- .+\n)+)", text, re.MULTILINE))
    sentences = read_sentences()
    for group, backend, cell in cells():
        if cell.startswith("✗"):
            about = re.findall(rf"^- \*\*.*\b{group}-\d+.*\*\*: (.+)$", sections[backend], re.M)
            assert about, (group, backend)
            assert set(about) <= set(sentences[backend].values())


def test_the_picture_shows_the_cells_of_the_page() -> None:
    picture = ElementTree.parse(PICTURE)
    svg = "{http://www.w3.org/2000/svg}"
    shown = dict[tuple[str, str], str]()
    for cell in picture.iter(f"{svg}g"):
        group, _, backend = str(cell.findtext(f"{svg}title")).partition(":")[0].partition(" on ")
        shown[group, backend] = str(cell.findtext(f"{svg}text"))
    assert shown == {(group, backend): text for group, backend, text in cells()}
    assert f"](docs/{PICTURE.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_pages_name_no_path_of_the_machine() -> None:
    for page in (PAGE, PAGE.with_suffix(".html"), PICTURE):
        text = page.read_text(encoding="utf-8")
        assert text.count(str(ROOT)) == 0
        assert text.count(str(Path.home())) == 0


@pytest.fixture(scope="module")
def basic_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[RuleResult]]:
    """What became of the basic rules, by adapter; all in one run, with a server of each kind."""
    report = tmp_path_factory.mktemp("matrix") / "report.json"
    servers = [
        [sys.executable, str(SUPPORT / f"{module}.py"), "run", "--"]
        for module in ("engines", "redis_server")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pmcp_conformance"]
    rules = [f"{target.name}::{rule}" for target in ADAPTERS for rule in BASIC]
    subprocess.run(
        [*servers[0], *servers[1], *command, *rules, "--pmcp-report", str(report)],
        cwd=FOLDER,
        capture_output=True,
        check=False,
    )
    backends = read(report).backends
    return {found.name: [rule for rule in found.rules if rule.id in BASIC] for found in backends}


@pytest.mark.parametrize("adapter", [target.name for target in ADAPTERS])
def test_the_basic_rules_run_on_each_adapter(
    adapter: str, basic_results: dict[str, list[RuleResult]]
) -> None:
    results = basic_results[adapter]
    if "is not installed" in results[0].reason:
        pytest.skip(results[0].reason)
    assert {rule.outcome for rule in results} <= {Outcome.PASSED, Outcome.FAILED}
    explained = " ".join(read_sentences().get(adapter, {})).split()
    assert {rule.id for rule in results if rule.outcome is Outcome.FAILED} <= set(explained)
