"""What to say where the library of an adapter is missing."""

from __future__ import annotations

import importlib.util


def missing(module: str, package: str) -> str | None:
    """Why an adapter cannot be used: its module comes with a package that is not installed."""
    found = importlib.util.find_spec(module)
    return None if found else f"{package} is not installed: pip install '{package}'"
