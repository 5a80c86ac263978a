"""Which files hold the own code of a backend, or of a task store."""

from __future__ import annotations

import os
import sys

from pmcp_conformance.stepping import authors_object
from pmcp_storage import GenericTaskStore, StorageBackend

Judged = StorageBackend | GenericTaskStore
"""What an author has written."""

_NOT_ITS_OWN = {
    *("abc", "builtins", "pmcp_storage.backend", "pmcp_storage.aio.async_backend"),
    "pmcp_conformance.driver.backend",
}
"""The modules of base classes that every backend has, and of what stands for one elsewhere."""


def backend_files(judged: Judged) -> tuple[str, ...]:
    """How the names of the files begin that hold a backend's own code, or a store's.

    Of a class in a package that is the package's folder. Of one in a top-level module it is the
    module's file, and those of the loaded modules beside it, unless it lies among installed ones.
    """
    own = authors_object(judged) if isinstance(judged, StorageBackend) else judged
    modules = {kind.__module__ for kind in type(own).__mro__} - _NOT_ITS_OWN
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
