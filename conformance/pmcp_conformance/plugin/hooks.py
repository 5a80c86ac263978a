"""The hooks that pytest calls before there is a session: the options, and what is registered.

`pytest -p pmcp_conformance` without paths runs the contract; with paths it runs those, and offers
the fixtures; `--pmcp-contract` runs both.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# What a hook needs is imported in it: a file with targets imports this package, too, and so does
# every process that a rule starts, which is the slower to fork the more it has loaded.


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pmcp_conformance.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    from pmcp_conformance.report.formats import ENDINGS
    from pmcp_conformance.targets import shipped_targets

    group = parser.getgroup("pmcp", "conformance of MCP task storage backends")
    group.addoption(
        "--pmcp-backend",
        action="append",
        default=[],
        dest="pmcp_backends",
        metavar="TARGET",
        help="validate this target instead of those that a conftest.py registers: "
        f"package.module:MyTarget, or one of {', '.join(shipped_targets())}; may be repeated",
    )
    group.addoption(
        "--pmcp-driver",
        action="append",
        default=[],
        dest="pmcp_drivers",
        metavar="NAME=COMMAND",
        help="validate the backend of any language behind this program, which answers the driver "
        "protocol on its standard output; may be repeated",
    )
    group.addoption(
        "--pmcp-contract",
        action="store_true",
        default=False,
        dest="pmcp_contract",
        help="run the contract also where paths are given, or testpaths, and those too",
    )
    group.addoption(
        "--pmcp-contract-version",
        default=None,
        dest="pmcp_contract_version",
        metavar="VERSION",
        help="check the rules of this version of the contract only, and not those that later ones "
        "brought (default: the newest)",
    )
    group.addoption(
        "--pmcp-known-failures",
        type=Path,
        default=None,
        dest="pmcp_known_failures",
        metavar="FILE",
        help="rules that may fail, one per line: 'RULE: reason' or 'backend::RULE: reason'; one "
        "that passes nevertheless fails the run",
    )
    group.addoption(
        "--pmcp-report",
        action="append",
        default=[],
        dest="pmcp_reports",
        metavar="FILE",
        help="write a report of the run, in the format of the file's ending: "
        f"{', '.join(ENDINGS)}; may be repeated",
    )
    group.addoption(
        "--pmcp-seed",
        type=int,
        default=0,
        dest="pmcp_seed",
        metavar="N",
        help="draw other random sequences and histories; a failure names its seed (default: 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    import pytest

    from pmcp_conformance.plugin import fixtures
    from pmcp_conformance.plugin.session import ContractSession

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise pytest.UsageError(
            "pmcp_conformance has not been tried on a free-threaded build of Python, and may judge "
            "wrongly there: use a build with the GIL"
        )
    config.pluginmanager.register(ContractSession(config), "pmcp-contract-session")
    config.pluginmanager.register(fixtures, "pmcp-contract-fixtures")
