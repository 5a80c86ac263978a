"""The standard AWS configuration chain, and a boto3 client set up by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.session import Session

from pmcp_storage.backends.dynamodb.failures import LIBRARIES, in_words, is_of_credentials
from pmcp_storage.backends.interruptions import interruption
from pmcp_storage.backends.timeouts import check_timeout
from pmcp_storage.errors import BackendError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# Storage that accepts and never answers costs 4 times 4 s and the pauses between: some 18 s.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=2,
    read_timeout=4,
    max_pool_connections=50,
    # These two save a fifth of the CPU time of a call.
    user_agent="pmcp-storage",
    parameter_validation=False,
)


def client_from_env() -> DynamoDBClient:
    """The client of `DynamoDbBackend.from_env`, to share one between several backends.

    Raises BackendError if there is no region, or the configuration or the credentials that it
    names cannot be used.
    """
    with configuring():
        session = new_session()
        client: DynamoDBClient = session.create_client(
            "dynamodb", region_name=region_of(session), config=_CONFIG
        )
    return client


@contextmanager
def configuring() -> Iterator[None]:
    """Make BackendError of what is wrong with the AWS configuration that is used within."""
    outer = sys.exception()
    try:
        yield
    except NoRegionError as error:
        raise BackendError(
            "no AWS region is configured: set AWS_REGION or AWS_DEFAULT_REGION, or a region in "
            "the AWS profile"
        ) from error
    except Exception as error:
        # The credentials are looked for here, by whatever means the configuration names.
        own = interruption(error, LIBRARIES, outer=outer)
        if own is not None:
            raise own from own.__cause__
        part = "credentials" if is_of_credentials(error) else "configuration"
        raise BackendError(f"the AWS {part} cannot be used ({in_words(error)})") from error


def region_of(session: Session) -> str | None:
    """The region that is configured; None if none is."""
    # botocore itself knows AWS_DEFAULT_REGION and the profile's region only.
    return session.get_config_variable("region") or os.environ.get("AWS_REGION")


_loaded: dict[str, Any] = {}
"""botocore's descriptions of services: to read them takes most of the time of making a client."""


def new_session() -> Session:
    """A session by the standard AWS configuration chain."""
    # Of their own for each client, because sessions and their credentials hold locks.
    session = Session()
    loader = _loaded.setdefault("data_loader", session.get_component("data_loader"))
    session.register_component("data_loader", loader)
    return session


def check_client(client: Any) -> None:
    """Raise TypeError unless it is boto3's client for DynamoDB, ValueError for bad timeouts."""
    if not isinstance(client, BaseClient) or client.meta.service_model.service_name != "dynamodb":
        kind = f"{type(client).__module__}.{type(client).__qualname__}"
        raise TypeError(f"client must be boto3.client('dynamodb'), not {kind}")
    config = client.meta.config
    check_timeout("connect_timeout of the boto3 client", config.connect_timeout)
    check_timeout("read_timeout of the boto3 client", config.read_timeout)
