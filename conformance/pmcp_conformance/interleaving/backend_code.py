"""Which files hold the backend's own code."""

from __future__ import annotations

import os
import sys

from pmcp_conformance.stepping import authors_object
from pmcp_storage import StorageBackend

_NOT_ITS_OWN = {"abc", "builtins", "pmcp_storage.backend", "pmcp_storage.aio.async_backend"}
"""The modules of base classes that every backend has."""


def backend_files(backend: StorageBackend) -> tuple[str, ...]:
    """How the names of the files begin that hold the backend's own code.

    Of a class in a package that is the package's folder. Of one in a top-level module it is the
    module's file, and those of the loaded modules beside it, unless it lies among installed ones.
    """
    modules = {kind.__module__ for kind in type(authors_object(backend)).__mro__} - _NOT_ITS_OWN
    prefixes = set[str]()
    for name in modules:
        if file := getattr(sys.modules.get(name), "__file__", None):
            prefixes.update([os.path.dirname(file)] if "." in name else _beside(file))
    return tuple(sorted(prefixes))


def _beside(file: str) -> list[str]:
    folder = os.path.dirname(file)
    if os.path.basename(folder) in ("site-packages", "dist-packages"):
        return [file]
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    return [file, *(other for other in loaded if os.path.dirname(other) == folder)]
