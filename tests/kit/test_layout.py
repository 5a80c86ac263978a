"""Everything is where its name says: rules, their mutants, and no module too long to be read."""

from __future__ import annotations

import ast
from pathlib import Path

from mutants import mutants
from pmcp_conformance.catalogue import catalogue

ROOT = Path(__file__).parents[2]
MOST_LINES = 320


def test_each_rule_is_in_the_module_of_its_group_or_in_one_of_its_own() -> None:
    misplaced = {}
    for rule in catalogue().values():
        group, own = module_names(rule.id)
        module = rule.check.__module__.removeprefix("pmcp_conformance.contract.")
        if module not in (group, f"{group}.{own}"):
            misplaced[rule.id] = module
    assert misplaced == {}


def test_each_mutant_is_in_the_module_of_its_rule() -> None:
    misplaced = {}
    for mutant in mutants():
        group, own = module_names(mutant.rule)
        module = mutant.kind.__module__
        if not f"{module}_".startswith(f"mutants.{group}.{own}_"):
            misplaced[f"{mutant.rule} {mutant.name}"] = module
    assert misplaced == {}


def module_names(rule_id: str) -> tuple[str, str]:
    """The names of the module of a rule's group and of the rule's own: rules_con, con_8."""
    group = rule_id.partition("-")[0].lower()
    return f"rules_{group}", rule_id.replace("-", "_").lower()


def test_no_rule_imports_another() -> None:
    contract = ROOT / "conformance" / "pmcp_conformance" / "contract"
    importing = {
        f"{path.relative_to(contract)} imports {module}"
        for path in contract.rglob("*.py")
        for module in imported_modules(path)
        if module.startswith("pmcp_conformance.contract.")
        and not module.endswith((".support", ".bench"))
    }
    assert importing == set()


def imported_modules(path: Path) -> list[str]:
    """The modules that a module imports names from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_no_module_is_too_long() -> None:
    modules = [path for folder in ("conformance", "src") for path in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 100, "the modules are elsewhere"
    lines = {str(path.relative_to(ROOT)): count_lines(path) for path in modules}
    too_long = {name: count for name, count in lines.items() if count > MOST_LINES}
    assert too_long == {}


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
