"""A target in another process than pytest's, by its name and the file that it comes from."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pmcp_conformance.driver.process import DriverError
from pmcp_conformance.driver.target import ORIGIN, DriverTarget
from pmcp_conformance.target import BackendTarget
from pmcp_conformance.targets import shipped_targets


class TargetError(Exception):
    """A target cannot be had here; the message says why."""


def load_target(name: str, file: str = "") -> BackendTarget:
    """The target of that name: one that pmcp-storage ships, or one that the file has.

    The file has it by the hook `pytest_pmcp_backends` or as a class; of a driver, `file` is its
    command, as `driver: ./my-driver`. Raises TargetError.
    """
    if file.startswith(ORIGIN):
        return _driver(name, file.removeprefix(ORIGIN))
    if not file:
        try:
            return shipped_targets()[name]()
        except KeyError:
            raise TargetError(f"pmcp-storage ships no target {name!r}") from None
    try:
        found = {target.name: target for target in _targets_in(_loaded(Path(file)))}
    except Exception as error:
        raise TargetError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    if name not in found:
        raise TargetError(f"{file} has no target {name!r}, but {', '.join(found) or 'none'}")
    return found[name]


def _driver(name: str, command: str) -> BackendTarget:
    """The target of a driver, which is started in this directory."""
    target = DriverTarget(name, shlex.split(command), str(Path.cwd()))
    try:
        target.describe()
    except DriverError as error:
        raise TargetError(f"{command}: {error}") from error
    return target


def _loaded(file: Path) -> ModuleType:
    """The file as a module of the package in which it lies, if it lies in one."""
    if not file.is_file():
        raise FileNotFoundError("there is no such file")
    parts, folder = [file.stem], file.resolve().parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path[:0] = [str(folder), str(Path.cwd())]
    return import_module(".".join(parts))


def _targets_in(module: ModuleType) -> Iterator[BackendTarget]:
    hook: Any = getattr(module, "pytest_pmcp_backends", None)
    if hook is None:
        yield from (kind() for kind in vars(module).values() if _is_target(kind, module))
        return
    returned = hook(**dict.fromkeys(inspect.signature(hook).parameters))
    for found in [returned] if isinstance(returned, BackendTarget | type) else returned:
        yield found() if isinstance(found, type) else found


def _is_target(kind: object, module: ModuleType) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, BackendTarget)
        and kind.__module__ == module.__name__
        and not inspect.isabstract(kind)
    )
