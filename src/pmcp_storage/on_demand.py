"""Names of a package that are loaded when they are first used, so that importing it is cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_demand(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: loads a name from the module of the package that has it.

    It raises AttributeError for a name that is not in `modules`, and ModuleNotFoundError that says
    what to install where a backend's library is missing: a backend's package has the name of the
    extra that brings its library.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = f"{package}.{modules[name]}"
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            extra = module.split(".")[2]
            raise ModuleNotFoundError(
                f"{name} needs a library that is not installed: "
                f"pip install 'pmcp-storage[{extra}]'",
                name=error.name,
            ) from error

    return load
