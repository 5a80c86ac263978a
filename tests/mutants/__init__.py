"""Broken backends, one small fault each: they prove that every rule of the contract can fail.

A mutant is a class whose docstring begins with `breaks CAS-4:` and says what is broken and where
storages have had that bug. It is a backend, a storage or a target, each correct but for the
fault. The modules follow the groups of the contract; `base` holds what mutants share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module

from mutants.base import MutantTarget
from pmcp_conformance import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage
from support.tcp_store import TcpBackend, TcpTarget

_MODULES = (
    "reading",
    "creating",
    "writing",
    "cas",
    "versions",
    "deleting",
    "listing",
    "counting",
    "paging",
    "keys",
    "ids",
    "values",
    "sizes",
    "texts",
    "isolation",
    "expiry",
    "expired",
    "cleanup",
    "errors",
    "handles",
    "arguments",
    "resources",
    "model",
    "concurrency",
    "locks",
    "visibility",
    "listing_races",
    "contention",
    "processes",
    "durability",
    "kills",
    "leftovers",
    "network",
    "network_outcomes",
    "network_doubts",
    "network_errors",
)

_DOCSTRING = re.compile(r"breaks ([A-Z]+-\d+): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Mutant:
    """A broken backend: its class, the rule that it breaks, and what is broken."""

    kind: type
    rule: str
    what: str

    @property
    def name(self) -> str:
        return self.kind.__name__

    def target(self) -> BackendTarget:
        """A target for the kit, with storage of its own."""
        if issubclass(self.kind, BackendTarget):
            return self.kind()
        if issubclass(self.kind, TcpBackend):
            return TcpTarget(self.kind)
        if issubclass(self.kind, MemoryStorage):
            return MutantTarget(storage=self.kind)
        assert issubclass(self.kind, InMemoryBackend), self.kind
        return MutantTarget(backend=self.kind)


def mutants() -> list[Mutant]:
    """All of them, in the order of the modules and of their lines."""
    modules = [import_module(f"mutants.{name}") for name in _MODULES]
    kinds = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    ]
    found = [(kind, _DOCSTRING.fullmatch(kind.__doc__ or "")) for kind in kinds]
    return [
        Mutant(kind, match[1], " ".join(match[2].split()).rstrip("."))
        for kind, match in found
        if match
    ]
