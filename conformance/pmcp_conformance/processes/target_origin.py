"""How a target is made anew in another process."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend


@dataclass(frozen=True)
class TargetOrigin:
    """Where a target comes from, so that another process can load it: it must survive pickle."""

    module: str
    file: str
    """The module's, for a module such as a conftest that cannot be imported by its name."""

    qualname: str
    """The target's class, within the module."""

    state: Any
    """The target's attributes, as pickle would take them."""

    search_path: list[str]
    """This process's `sys.path`."""

    backend_module: str
    """The module of the handle's class; importing it once saves every child the time."""

    backend_files: tuple[str, ...]
    """Where the backend's own code is."""

    @classmethod
    def of(cls, target: BackendTarget, handle: StorageBackend) -> TargetOrigin:
        """The origin of a target whose handles are like this one.

        Raises ValueError for a target that no other process could make.
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
            file,
            kind.__qualname__,
            target.__getstate__(),
            list(sys.path),
            type(handle).__module__,
            backend_files(handle),
        )

    def load(self) -> BackendTarget:
        """The target, made anew in this process, whose `sys.path` is replaced.

        Raises what importing the target's module raises.
        """
        sys.path[:] = self.search_path
        with suppress(ImportError):
            import_module(self.backend_module)
        kind: Any = self._loaded_module()
        for name in self.qualname.split("."):
            kind = getattr(kind, name)
        target: BackendTarget = kind.__new__(kind)
        vars(target).update(self.state or {})
        return target

    def _loaded_module(self) -> ModuleType:
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
