"""Finding the targets of a run: those that `--pmcp-backend` names, or those that hooks register."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest

from pmcp_conformance.plugin.target_checks import problems
from pmcp_conformance.target import BackendTarget
from pmcp_conformance.targets import shipped_targets


def find_targets(config: pytest.Config) -> list[BackendTarget]:
    """The targets of this run; what the command line names replaces what hooks register.

    Raises pytest.UsageError for one that cannot be loaded or contradicts itself.
    """
    names = config.getoption("pmcp_backends")
    if names:
        targets = [_load(name, config.invocation_params.dir) for name in names]
    else:
        targets = _registered(config)
    for target in targets:
        if [other.name for other in targets].count(target.name) > 1:
            raise pytest.UsageError(
                f"two targets are named {target.name!r}: give each its own name"
            )
    return targets


def file_of(target: BackendTarget, config: pytest.Config) -> str:
    """The file from which another process can load the target; empty for a shipped one.

    That of the hook that registers it, if there is only one: its class may stand elsewhere.
    """
    if type(target) in shipped_targets().values():
        return ""
    hooks = [
        getattr(plugin, "__file__", "")
        for plugin in config.pluginmanager.get_plugins()
        if hasattr(plugin, "pytest_pmcp_backends")
    ]
    if not target.named and len(hooks) == 1:
        return hooks[0] or ""
    return getattr(sys.modules.get(type(target).__module__), "__file__", None) or ""


def no_target(config: pytest.Config) -> pytest.UsageError:
    """The error of a run that found no target."""
    directory = config.invocation_params.dir
    return pytest.UsageError(
        "no backend to validate: no conftest.py that pytest loaded from "
        f"{directory} has the hook pytest_pmcp_backends, and --pmcp-backend names none. "
        "Try --pmcp-backend memory, or name your own: --pmcp-backend package.module:MyTarget"
    )


def _registered(config: pytest.Config) -> list[BackendTarget]:
    return [
        _checked(found, "the hook pytest_pmcp_backends")
        for returned in config.hook.pytest_pmcp_backends(config=config)
        for found in _as_list(returned)
    ]


def _as_list(returned: object) -> Iterable[object]:
    """What one hook returned: several targets, or one."""
    if isinstance(returned, BackendTarget | type):
        return [returned]
    if not isinstance(returned, Iterable):
        raise pytest.UsageError(
            f"pytest_pmcp_backends must return a list of targets, not {type(returned).__name__}"
        )
    return returned


def _load(name: str, directory: Path) -> BackendTarget:
    """The target of that name on the command line: a shipped one, or `package.module:MyTarget`."""
    found = shipped_targets().get(name) or _attribute(name, directory)
    target = _checked(found, f"--pmcp-backend {name}")
    target.named = True
    return target


def _attribute(name: str, directory: Path) -> object:
    """What `package.module:MyTarget` names, looked for from this directory on."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        shipped = ", ".join(shipped_targets())
        raise pytest.UsageError(
            f"--pmcp-backend {name}: neither a shipped target ({shipped}) nor of the form "
            "package.module:MyTarget"
        )
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise pytest.UsageError(
            f"--pmcp-backend {name}: {type(error).__name__}: {error} "
            f"(looked for it from {directory})"
        ) from error


def _checked(found: object, source: str) -> BackendTarget:
    """The target, or an instance of its class, if its facts can be true."""
    target = _instantiated(found) if isinstance(found, type) else found
    if not isinstance(target, BackendTarget):
        kind = type(target).__name__
        raise pytest.UsageError(f"{source}: {kind} is not a BackendTarget: subclass that")
    for problem in problems(target):
        raise pytest.UsageError(f"{source}: {type(target).__name__}{problem}")
    return target


def _instantiated(kind: type) -> object:
    try:
        return kind()
    except TypeError as error:
        raise pytest.UsageError(f"{kind.__name__} cannot be instantiated: {error}") from error
