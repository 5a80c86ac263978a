"""The packages of the backends: how they are found, and what is loaded when."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from pmcp_storage import backends
from support.processes import run_python

LIBRARIES = {"aiohttp", "boto3", "botocore", "psycopg", "psycopg_pool", "redis"}

EXPORTED = {
    "dynamodb": (
        "AsyncDynamoDbBackend",
        "DynamoDbBackend",
        "client_from_env",
        "init",
        "table_definition",
        "verify",
    ),
    "postgres": ("AsyncPostgresBackend", "PostgresBackend", "create_missing", "init", "verify"),
    "redis": ("RedisBackend", "init", "verify"),
    "sqlite": ("SqliteBackend", "init", "verify"),
}

BLOCKED = """
import sys

LIBRARIES = "aiohttp boto3 botocore psycopg redis mcp fastmcp".split()

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LIBRARIES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
"""Makes a script find no library of a backend, as after a bare `pip install pmcp-storage`."""


def test_the_backends_are_the_packages() -> None:
    assert backends.names() == sorted(EXPORTED)


def test_finding_the_backends_and_their_setups_loads_no_library() -> None:
    loaded = run_python("""
import sys
from importlib import import_module
from pmcp_storage import backends
for name in backends.names():
    import_module(f"pmcp_storage.backends.{name}")
    setup = backends.setup_of(name)
    assert setup.HELP and setup.add_arguments and setup.init and setup.verify
print(*sys.modules)
""").split()
    assert "pmcp_storage.backends.dynamodb.setup" in loaded
    assert LIBRARIES.isdisjoint(loaded)


@pytest.mark.parametrize("package", EXPORTED)
def test_exported_names_are_loaded_when_they_are_first_used(package: str) -> None:
    module = importlib.import_module(f"pmcp_storage.backends.{package}")
    for name in EXPORTED[package]:
        assert getattr(module, name).__name__ == name


@pytest.mark.parametrize("package", EXPORTED)
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    module: Any = importlib.import_module(f"pmcp_storage.backends.{package}")
    with pytest.raises(AttributeError, match=f"'pmcp_storage.backends.{package}' has no .*'Nope'"):
        module.Nope  # noqa: B018


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("backends.dynamodb", "DynamoDbBackend"),
        ("backends.postgres", "PostgresBackend"),
        ("backends.redis", "RedisBackend"),
        ("mcp", "TasksExtension"),
        ("mcp", "FastMCPTasks"),
    ],
)
def test_a_name_whose_library_is_missing_says_what_to_install(package: str, name: str) -> None:
    message = run_python(f"""{BLOCKED}
try:
    from pmcp_storage.{package} import {name}
except ModuleNotFoundError as error:
    print(error)
""")
    assert message.startswith(f"{name} needs the module ")
    assert f"pip install 'pmcp-storage[{package.removeprefix('backends.')}]'" in message


def test_a_second_library_that_is_missing_has_an_extra_of_its_own() -> None:
    message = run_python("""
import sys
sys.modules["aiohttp"] = None
from pmcp_storage import DynamoDbBackend
try:
    from pmcp_storage import AsyncDynamoDbBackend
except ModuleNotFoundError as error:
    print(error)
""")
    assert "AsyncDynamoDbBackend needs the module aiohttp" in message
    assert "pip install 'pmcp-storage[dynamodb-async]'" in message


@pytest.mark.parametrize("verb", ["init", "verify"])
@pytest.mark.parametrize(
    ("backend", "arguments"),
    [("dynamodb", ()), ("postgres", ()), ("redis", ("redis://127.0.0.1/0",))],
)
def test_the_command_line_says_what_to_install(
    verb: str, backend: str, arguments: tuple[str, ...]
) -> None:
    output = run_python(f"""{BLOCKED}
import contextlib
from pmcp_storage.cli import main
with contextlib.redirect_stderr(sys.stdout):
    print(main({[verb, backend, *arguments]!r}))
""")
    message, code = output.splitlines()[-2:]
    assert message.startswith(f"pmcp-storage: {backend} needs the module ")
    assert f": pip install 'pmcp-storage[{backend}]'" in message
    assert code == "1"
