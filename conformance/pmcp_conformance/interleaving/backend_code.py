"""Which files hold the backend's own code."""

from __future__ import annotations

import os
import sys

from pmcp_storage import StorageBackend


def backend_files(backend: StorageBackend) -> tuple[str, ...]:
    """Where the backend's own code is: the folders of its classes' packages; of modules of the top
    level the files, and those of the modules beside them, unless they lie among installed ones.
    """
    modules = {kind.__module__ for kind in type(backend).__mro__} - {"abc", "builtins"}
    modules -= {"pmcp_storage.backend"}
    found = [(name, getattr(sys.modules.get(name), "__file__", None)) for name in modules]
    places = set[str]()
    for name, file in found:
        if file:
            places.update([os.path.dirname(file)] if "." in name else _beside(file))
    return tuple(sorted(places))


def _beside(file: str) -> list[str]:
    folder = os.path.dirname(file)
    if os.path.basename(folder) in ("site-packages", "dist-packages"):
        return [file]
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    return [file, *(other for other in loaded if os.path.dirname(other) == folder)]
