"""How a target is made anew in another process."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.stepping import authors_object
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend


@dataclass(frozen=True)
class Location:
    """Where a module is: its file, if it has one, and where modules within it are looked for."""

    file: str | None
    submodules: list[str] | None

    @classmethod
    def of(cls, module: ModuleType) -> Location:
        path = getattr(module, "__path__", None)
        return cls(getattr(module, "__file__", None), None if path is None else list(path))

    def spec(self, name: str) -> ModuleSpec | None:
        """How the module is loaded from there under that name."""
        if self.file is not None:
            return spec_from_file_location(
                name, self.file, submodule_search_locations=self.submodules
            )
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = self.submodules
        return spec


class KnownModules:
    """Finds modules where they were in another process, whatever the path says."""

    def __init__(self, locations: dict[str, Location]) -> None:
        self._locations = locations

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What Python asks of a finder."""
        location = self._locations.get(name)
        return None if location is None else location.spec(name)


@dataclass(frozen=True)
class TargetOrigin:
    """Where a target comes from, so that another process can load it: it must survive pickle."""

    module: str

    qualname: str
    """The target's class, within the module."""

    state: bytes
    """The target's attributes, pickled by themselves: their classes may be the module's."""

    locations: dict[str, Location]
    """Where the module and the packages around it are: a conftest need not be on the path."""

    backend_module: str
    """The module of the handle's class; importing it once saves every child the time."""

    backend_files: tuple[str, ...]
    """Where the backend's own code is."""

    @classmethod
    def of(cls, target: BackendTarget, handle: StorageBackend) -> TargetOrigin:
        """The origin of a target whose handles are like this one.

        Raises ValueError for a target that no other process could make, and what pickle raises.
        """
        kind = type(target)
        file = getattr(sys.modules[kind.__module__], "__file__", None)
        if file is None or "<locals>" in kind.__qualname__:
            raise ValueError(
                f"{kind.__qualname__} must stand at the top level of a file, so that another "
                "process can load it"
            )
        return cls(
            kind.__module__,
            kind.__qualname__,
            pickle.dumps(target.__getstate__()),
            _locations(kind.__module__),
            type(authors_object(handle)).__module__,
            backend_files(handle),
        )

    def load(self) -> BackendTarget:
        """The target, made anew in this process.

        Raises what importing the target's module raises.
        """
        sys.meta_path.insert(0, KnownModules(self.locations))
        with suppress(ImportError):
            import_module(self.backend_module)
        kind: Any = import_module(self.module)
        for name in self.qualname.split("."):
            kind = getattr(kind, name)
        target: BackendTarget = kind.__new__(kind)
        vars(target).update(pickle.loads(self.state) or {})
        return target


def _locations(module: str) -> dict[str, Location]:
    """Where a loaded module is, and each package around it."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    loaded = {name: sys.modules[name] for name in names if name in sys.modules}
    return {name: Location.of(found) for name, found in loaded.items()}
