"""The kinds of faults that can be injected into an exchange, a module for each.

An exchange is what a client sends on a connection until the server answers, and that answer. A kind
of fault says by an action what happens to the request or to the answer; `base` has what actions can
do, and the fault proxy calls them. To add a kind, add a module for it, and a mutant that the rules
convict because of it. What an operation may answer under a fault is the business of `checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from pmcp_conformance.network.faults.base import Fault


def _discovered() -> Iterator[Fault]:
    for module in iter_modules(__path__):
        names = vars(import_module(f"{__name__}.{module.name}"))
        yield from (value for value in names.values() if isinstance(value, Fault))


FAULTS = tuple(_discovered())
"""All kinds, in the order of their modules' names."""
