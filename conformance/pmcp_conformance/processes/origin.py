"""Where another process finds a target."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend


@dataclass(frozen=True)
class TargetOrigin:
    """Where another process finds a target: its module's file and name, its class, its state."""

    module: str
    file: str
    kind: str
    state: Any
    path: list[str]
    libraries: str
    """The module of the handle's class; importing it once saves every child the time."""
    files: tuple[str, ...]
    """Where the backend's own code is."""

    @classmethod
    def of(cls, target: BackendTarget, handle: StorageBackend) -> TargetOrigin:
        """The origin of a target whose handles are like this one.

        Raises ValueError for a target that no other process could make."""
        kind = type(target)
        file = getattr(sys.modules[kind.__module__], "__file__", None)
        if file is None or "<locals>" in kind.__qualname__:
            raise ValueError(
                f"{kind.__qualname__} must stand at the top level of a file, so that another "
                "process can load it"
            )
        state, libraries = target.__getstate__(), type(handle).__module__
        path, files = list(sys.path), backend_files(handle)
        return cls(kind.__module__, file, kind.__qualname__, state, path, libraries, files)

    def target(self) -> BackendTarget:
        """The target, made anew in this process."""
        sys.path[:] = self.path
        with suppress(ImportError):
            import_module(self.libraries)
        kind: Any = self._loaded()
        for name in self.kind.split("."):
            kind = getattr(kind, name)
        target: BackendTarget = kind.__new__(kind)
        vars(target).update(self.state or {})
        return target

    def _loaded(self) -> Any:
        with suppress(ImportError):
            module = import_module(self.module)
            if getattr(module, "__file__", None) == self.file:
                return module
        spec = importlib.util.spec_from_file_location(self.module, self.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot load {self.file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module
