"""The conformance kit for MCP task storage backends: `pytest -p pmcp_conformance`.

An author describes a backend by a subclass of `BackendTarget` and hands it over by the hook
`pytest_pmcp_backends`, or on the command line by `--pmcp-backend package.module:MyTarget`.
"""

import sys

# pytest rewrites the asserts of every plugin that `-p` names, with all of its modules. The kit's
# findings are no asserts, and a third of a short run's time would go into looking for them.
for _finder in sys.meta_path:
    getattr(_finder, "_must_rewrite", set()).discard(__name__)

from pmcp_conformance.plugin.hooks import (  # noqa: E402
    pytest_addhooks,
    pytest_addoption,
    pytest_configure,
)
from pmcp_conformance.target import BackendTarget, Refusal  # noqa: E402

__all__ = ["BackendTarget", "Refusal", "pytest_addhooks", "pytest_addoption", "pytest_configure"]
