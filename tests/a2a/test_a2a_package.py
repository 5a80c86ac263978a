"""The package is there without a2a-sdk, and says what its stores need."""

from __future__ import annotations

from support.processes import run_python

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "a2a":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def test_importing_the_package_loads_no_sdk() -> None:
    run_python(f"{BLOCKED}import pmcp_storage.a2a")


def test_a_store_without_the_sdk_says_what_to_install() -> None:
    message = run_python(f"""{BLOCKED}
try:
    from pmcp_storage.a2a import VersionedBackendTaskStore
except ModuleNotFoundError as error:
    print(error)
""")
    assert message.startswith("VersionedBackendTaskStore needs the module a2a")
    assert "pip install 'pmcp-storage[a2a]'" in message
