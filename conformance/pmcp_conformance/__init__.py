"""The conformance kit for MCP task storage backends: `pytest -p pmcp_conformance`.

An author describes a backend by a subclass of `BackendTarget` and hands it over by the hook
`pytest_pmcp_backends`, or on the command line by `--pmcp-backend package.module:MyTarget`.
"""

from pmcp_conformance.plugin import pytest_addhooks, pytest_addoption, pytest_configure
from pmcp_conformance.target import BackendTarget

__all__ = ["BackendTarget", "pytest_addhooks", "pytest_addoption", "pytest_configure"]
