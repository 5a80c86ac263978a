"""Broken backends and stores, one small bug each: they prove that every rule can fail.

A mutant is a class whose docstring begins with `breaks CAS-4:` and says what is broken and where
storages have had that bug. It is a backend, a storage, a target or a task store, correct but for
the bug. The mutants of CAS-4 stand in `rules_cas/cas_4.py`, or in `cas_4_pools.py` where a kind of
them has a module of its own; a class written there is found. What they are made from is in `base`
(memory), `loops` (async), `files`, `sqlite`, `postgres` and `support.tcp_store` (a server);
`harness` runs rules against them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from mutants.base import MutantTarget
from mutants.dynamodb_async import AsyncDynamoDbMutantTarget
from mutants.dynamodb_target import DynamoDbMutantTarget
from mutants.loops import LoopBackend, LoopTarget
from mutants.postgres import PgBackend
from mutants.postgres_target import PgTarget
from mutants.redis_target import RedisMutantTarget
from mutants.sqlite import SqliteRows, SqliteRowsTarget
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_storage import (
    AsyncDynamoDbBackend,
    AsyncTaskStore,
    DynamoDbBackend,
    GenericTaskStore,
    InMemoryBackend,
    MemoryStorage,
    RedisBackend,
)
from support.tcp_store import TcpBackend, TcpTarget

_DOCSTRING = re.compile(r"breaks ([A-Z]+-\d+): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Mutant:
    """A broken backend or store: its class, the rule that it breaks, and what is broken."""

    kind: type
    rule: str
    what: str

    @property
    def name(self) -> str:
        return self.kind.__name__

    def target(self) -> BackendTarget:
        """A target for the kit, with storage of its own."""
        [make] = [make for base, make in _TARGETS.items() if issubclass(self.kind, base)]
        return make(self.kind)


_TARGETS: dict[type, Callable[[Any], BackendTarget]] = {
    BackendTarget: lambda target: target(),
    LoopBackend: LoopTarget,
    TcpBackend: TcpTarget,
    PgBackend: PgTarget,
    SqliteRows: SqliteRowsTarget,
    RedisBackend: RedisMutantTarget,
    AsyncDynamoDbBackend: AsyncDynamoDbMutantTarget,
    DynamoDbBackend: DynamoDbMutantTarget,
    MemoryStorage: lambda storage: MutantTarget(storage=storage),
    GenericTaskStore: lambda store: MutantTarget(store=store),
    AsyncTaskStore: lambda store: MutantTarget(async_store=store),
    InMemoryBackend: MutantTarget,
}
"""What makes a target of a class, by what the class is derived from."""


@cache
def mutants() -> list[Mutant]:
    """All of them, in the order of the rules that they break."""
    order = list(catalogue())
    return sorted(_found(), key=lambda mutant: order.index(mutant.rule))


def _found() -> Iterator[Mutant]:
    for info in walk_packages(__path__, f"{__name__}."):
        module = import_module(info.name)
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                match = _DOCSTRING.fullmatch(kind.__doc__ or "")
                if match:
                    yield Mutant(kind, match[1], " ".join(match[2].split()).rstrip("."))
