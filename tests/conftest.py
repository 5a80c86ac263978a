"""The servers that the tests share: one of each kind per run, also where the run has many workers.

pytest loads this file for a run of the contract, too, which needs neither boto3 nor psycopg: so
nothing that needs them is imported before a test asks for it.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from support import engines

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from support.redis_server import RedisServer

_engine = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("pmcp_conformance"):
        return  # a run of the contract, which has targets of its own
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in the background of a script. The runs that tests interrupt would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Workers inherit the environment of the process that starts them.
    if config.getoption("numprocesses", None) and not config.getoption("collectonly"):
        _dynamodb_endpoint()
        with suppress(pytest.fail.Exception):  # for tests that need it to say what is missing
            _postgres_url()


def pytest_unconfigure() -> None:
    _engine.close()
    if "mutants" in sys.modules:
        from mutants.servers import stop_servers

        stop_servers()


def _postgres_url() -> str:
    """Where the PostgreSQL of the mutants listens; starts it unless the environment names one."""
    from mutants.postgres_target import server_url

    return server_url()


def _dynamodb_endpoint() -> str:
    """Where the run's engine listens; starts it unless the environment names one on loopback."""
    if not os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
        os.environ.update(engines.environment(_engine.enter_context(engines.dynamodb())))
    return os.environ["AWS_ENDPOINT_URL"]


@pytest.fixture(scope="session", autouse=True)
def _plugins_of_inner_runs() -> Iterator[None]:
    """What the runs that tests start leave out: importing it, or compiling once more what has been
    compiled, takes half of the time of a short one, and there are hundreds of them."""
    plugins = ("anyio", "hypothesispytest", "platformdirs", "valkey")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{plugin}" for plugin in plugins))
        yield


@pytest.fixture(scope="session")
def dynamodb_client() -> Iterator[DynamoDBClient]:
    """A client that speaks to the engine directly."""
    from support.dynamodb_support import connect

    client = connect(_dynamodb_endpoint())
    yield client
    client.close()


@pytest.fixture(scope="module")
def table(dynamodb_client: DynamoDBClient) -> Iterator[str]:
    """The name of a table that is the module's own."""
    from pmcp_storage.backends.dynamodb.definition import table_definition

    name = f"tasks-{uuid.uuid4().hex}"
    dynamodb_client.create_table(**table_definition(name))
    yield name
    dynamodb_client.delete_table(TableName=name)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the tests of a worker share, each with a prefix of its own."""
    from support.redis_server import RedisServer

    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
