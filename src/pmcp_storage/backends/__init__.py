"""The storage backends: `memory`, which is the reference, and one package for each of the others.

A backend is added by adding its package, with a module `setup` for the command line: `names` finds
it there, and `setup_of` loads it. Neither imports the library of any backend.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast


class Setup(Protocol):
    """What the module `setup` of a backend's package holds.

    It imports its backend and its library within `init` and `verify` only. Both yield the lines to
    print, and raise an error that says what is wrong.
    """

    HELP: str
    """What the backend stores in, in a few words."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments that say where the storage is."""

    def init(self, options: Namespace) -> Iterator[str]:
        """Create what is missing and change nothing else."""

    def verify(self, options: Namespace) -> Iterator[str]:
        """Check the storage and change nothing at all."""


def names() -> list[str]:
    """The backends that have a package, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if module.ispkg)


def setup_of(name: str) -> Setup:
    """The setup of the backend in the package of that name."""
    return cast(Setup, import_module(f"{__name__}.{name}.setup"))
