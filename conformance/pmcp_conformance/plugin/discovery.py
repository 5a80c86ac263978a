"""Finding the targets of a run: from the hook, or from `--pmcp-backend`. Refusing wrong ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.target import BackendTarget
from pmcp_conformance.targets.dynamodb import SHIPPED

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_NUMBERS = {
    "max_record_bytes": (int, 1024),
    "clock_skew": (float | int, 0),
    "answer_within": (float | int, 1),
}


def find_targets(config: pytest.Config) -> list[BackendTarget]:
    """The targets of this run; what the command line names replaces what hooks registered.

    Raises pytest.UsageError for one that cannot be loaded or contradicts itself.
    """
    named = config.getoption("pmcp_backends")
    if named:
        targets = [load(name, config.invocation_params.dir) for name in named]
    else:
        targets = [
            checked(made(target), "the hook pytest_pmcp_backends")
            for found in config.hook.pytest_pmcp_backends(config=config)
            for target in as_list(found)
        ]
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise pytest.UsageError(f"two targets are named {name!r}: give each its own name")
    return targets


def as_list(found: object) -> Iterable[object]:
    """What one hook returned: several targets, or one."""
    if isinstance(found, BackendTarget | type):
        return [found]
    if not isinstance(found, Iterable):
        raise pytest.UsageError(
            f"pytest_pmcp_backends must return a list of targets, not {type(found).__name__}"
        )
    return found


def no_target(config: pytest.Config) -> str:
    """What to tell somebody whose run found no target."""
    where = config.invocation_params.dir
    return (
        "no backend to validate: no conftest.py that pytest loaded from "
        f"{where} has the hook pytest_pmcp_backends, and --pmcp-backend names none. "
        "Try --pmcp-backend memory, or name your own: --pmcp-backend package.module:MyTarget"
    )


def load(name: str, directory: Path) -> BackendTarget:
    """A target by its name on the command line: a shipped one's, or `package.module:Target`."""
    if name in SHIPPED:
        return SHIPPED[name]()
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        shipped = ", ".join(SHIPPED)
        raise pytest.UsageError(
            f"--pmcp-backend {name}: neither a shipped target ({shipped}) nor of the form "
            "package.module:MyTarget"
        )
    return checked(made(imported(name, module, attribute, directory)), f"--pmcp-backend {name}")


def imported(name: str, module: str, attribute: str, directory: Path) -> object:
    """The attribute of the module, found from the directory that one stands in."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise pytest.UsageError(
            f"--pmcp-backend {name}: {type(error).__name__}: {error} "
            f"(looked for it from {directory})"
        ) from error


def made(target: Any) -> object:
    """An instance where a class was given."""
    if not isinstance(target, type):
        return target
    try:
        return target()
    except TypeError as error:
        raise pytest.UsageError(f"{target.__name__} cannot be made: {error}") from error


def checked(target: object, source: str) -> BackendTarget:
    """The target, if it is one and its facts can be true."""
    if not isinstance(target, BackendTarget):
        kind = type(target).__name__
        raise pytest.UsageError(f"{source}: {kind} is not a BackendTarget: subclass that")
    name = getattr(target, "name", None)
    where = f"{source}: {type(target).__name__}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise pytest.UsageError(
            f"{where}.name must be text of letters, digits, '.', '_' and '-', not {name!r}"
        )
    for fault in faults(target):
        raise pytest.UsageError(f"{where} ({name}): {fault}")
    return target


def faults(target: BackendTarget) -> Iterable[str]:
    """What contradicts itself in a target's facts and back doors."""
    for fact in ("shared", "interprocess", "durable", "native_expiry"):
        value = getattr(target, fact)
        if not isinstance(value, bool):
            yield f"{fact} must be True or False, not {value!r}"
    for fact, (kind, least) in _NUMBERS.items():
        value = getattr(target, fact)
        if isinstance(value, bool) or not isinstance(value, kind) or not value >= least:
            yield f"{fact} must be a number of at least {least}, not {value!r}"
    limit = target.storage_limit_bytes
    if limit is not None and (not isinstance(limit, int) or limit < target.max_record_bytes):
        yield f"storage_limit_bytes must be None or at least max_record_bytes, not {limit!r}"
    yield from contradictions(target)


def contradictions(target: BackendTarget) -> Iterable[str]:
    """Facts and back doors that do not go together."""
    if target.native_expiry and not target.offers("stored_expiry"):
        yield "native_expiry = True needs the back door stored_expiry, or nothing could prove it"
    if target.interprocess and not target.shared:
        yield "interprocess = True needs shared = True: it says that even processes share"
    if target.offers("address") != target.offers("open_at"):
        yield "address and open_at belong together: write both or neither"
