"""Finding the targets of a run: those that `--pmcp-backend` names, or those that hooks register."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest

from pmcp_conformance.driver.process import DriverError
from pmcp_conformance.driver.target import DriverTarget
from pmcp_conformance.plugin.target_checks import problems
from pmcp_conformance.target import BackendTarget
from pmcp_conformance.targets import shipped_targets


def find_targets(config: pytest.Config) -> list[BackendTarget]:
    """The targets of this run; what the command line names replaces what hooks register.

    Raises pytest.UsageError for one that cannot be loaded or contradicts itself.
    """
    names, drivers = config.getoption("pmcp_backends"), config.getoption("pmcp_drivers")
    if names or drivers:
        folder = config.invocation_params.dir
        targets = [_load(name, folder) for name in names]
        targets += [driver_target(driver, folder) for driver in drivers]
    else:
        targets = _registered(config)
    for target in targets:
        if [other.name for other in targets].count(target.name) > 1:
            raise pytest.UsageError(
                f"two targets are named {target.name!r}: give each its own name"
            )
    return targets


def describe_drivers(targets: Iterable[BackendTarget]) -> None:
    """Let each driver among the targets say what it offers, which one process of a run does.

    Raises pytest.UsageError for one that does not, or that contradicts itself.
    """
    drivers = [target for target in targets if isinstance(target, DriverTarget)]
    try:
        for target in drivers:
            source = f"the driver of {target.name}"
            target.describe()
            _checked(target, source)
    except (DriverError, pytest.UsageError) as error:
        for target in drivers:
            target.dispose()
        raise pytest.UsageError(f"{source}: {error}") from error


def file_of(target: BackendTarget, config: pytest.Config) -> str:
    """The file from which another process can load the target; empty for a shipped one.

    That of the hook that registers it, if there is only one: its class may stand elsewhere.
    """
    if type(target) in shipped_targets().values():
        return ""
    if isinstance(target, DriverTarget):
        return target.origin
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


def driver_target(driver: str, directory: Path) -> DriverTarget:
    """The target of a driver, `NAME=COMMAND`, which is started in that directory."""
    name, _, text = driver.partition("=")
    source = f"--pmcp-driver {driver}"
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise pytest.UsageError(f"{source}: {error}") from error
    if not name or not command:
        raise pytest.UsageError(f"{source}: it must have the form NAME=COMMAND")
    target = DriverTarget(name, command, str(directory))
    target.named = True
    _checked(target, source)
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
