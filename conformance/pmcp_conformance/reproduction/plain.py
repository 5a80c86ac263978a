"""Only plain calls with literal arguments come out of a report into a script that somebody runs."""

from __future__ import annotations

import ast
import re

from pmcp_conformance.report.model import CallsMade

HELPERS = frozenset(
    {
        "record",
        "at",
        "instant",
        "pause",
        "change_given",
        "change_returned",
        "clear_returned",
        "examine",
        "many_tasks",
        "many_owners",
        "time_zone",
    }
)

_OPERATIONS = frozenset(
    {
        "get",
        "create",
        "put",
        "put_if_version",
        "delete",
        "list_by_owner",
        "iter_by_owner",
        "count_by_owner",
        "cleanup_expired",
        "close",
    }
)

_OPENING = frozenset({"open", "open_fresh", "open_misconfigured", "itself"})
"""How a handle may have been opened; `itself` is the target, which needs no opening."""

_ON_TARGET = frozenset({"plant", "stored_expiry"})

_ON_TEXT = frozenset({"replace"})

_ON_RECORDS = frozenset({"task"})

_LITERALS = (
    ast.Expression,
    ast.Constant,
    ast.List,
    ast.Dict,
    ast.Load,
    ast.keyword,
    ast.UnaryOp,
    ast.USub,
    ast.BinOp,
    ast.Add,
    ast.Mult,
)

_ATTRIBUTES = {
    ast.Constant: _ON_TEXT,
    ast.Call: _ON_RECORDS,
    ast.Name: _OPERATIONS | _ON_TARGET,
}
"""What may be asked of what."""

_OWNER_NAME = re.compile(r"[A-Z]\d*")


def check_plain(made: CallsMade) -> None:
    """Raise ValueError unless the calls are such as the kit writes."""
    names = {*made.owners, *made.handles}
    if not all(map(_OWNER_NAME.fullmatch, made.owners)) or not _OPENING.issuperset(
        made.handles.values()
    ):
        raise ValueError("it names owners or handles as the kit does not")
    if any(not name.isidentifier() or name in HELPERS for name in made.handles):
        raise ValueError("it names handles as the kit does not")
    for call in made.calls:
        for node in ast.walk(ast.parse(call.code, mode="eval")):
            if not _is_plain(node, names):
                raise ValueError(f"{call.code[:80]} is no plain call")


def _is_plain(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names or node.id in HELPERS
    if isinstance(node, ast.Attribute):
        return node.attr in _ATTRIBUTES.get(type(node.value), ())
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name | ast.Attribute)
    return isinstance(node, _LITERALS)
