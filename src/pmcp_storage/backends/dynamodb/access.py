"""Where DynamoDB is and how to prove who asks, as the AWS configuration says it.

All of it is botocore's finding: regions, profiles, endpoints, and every kind of credentials, those
of Lambda, ECS, EC2, roles, SSO and programs included. Nothing here sends a request to DynamoDB.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from botocore.credentials import RefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.session import Session
from botocore.utils import get_environ_proxies

from pmcp_storage.backends.dynamodb.client import (
    configuring,
    new_session,
    region_of,
)
from pmcp_storage.backends.dynamodb.signing import Keys


@dataclass(frozen=True)
class Access:
    """What it takes to send a request to DynamoDB."""

    endpoint_url: str
    region: str
    credentials: Any
    """botocore's; None if there are none."""
    trusted: str | None
    """The file with the certificates to trust; None where the connection is not TLS."""
    proxy: str | None

    async def keys(self) -> Keys:
        """The credentials of this moment. Raises what botocore raises where there are none."""
        credentials = self.credentials
        if credentials is None:
            raise NoCredentialsError()
        if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
            # It may ask a service, or run a program.
            return cast(Keys, await asyncio.to_thread(credentials.get_frozen_credentials))
        return cast(Keys, credentials.get_frozen_credentials())


def access_from_env() -> Access:
    """As the standard AWS configuration chain says it, found anew; raises as `access_by`."""
    with configuring():
        session = new_session()
    return access_by(session)


def access_by(session: Session, endpoint_url: str | None = None) -> Access:
    """As the session says it, but for the endpoint if that is given.

    Raises BackendError if there is no region, or the configuration or the credentials that it
    names cannot be used.
    """
    with configuring():
        # The client is made for its endpoint only, which has many sources.
        meta = session.create_client(
            "dynamodb", region_name=region_of(session), endpoint_url=endpoint_url
        ).meta
        bundle = session.get_config_variable("ca_bundle")
        secure = meta.endpoint_url.startswith("https:")
        return Access(
            endpoint_url=meta.endpoint_url,
            region=meta.region_name,
            credentials=session.get_credentials(),
            trusted=get_cert_path(bundle or True) if secure else None,
            proxy=get_environ_proxies(meta.endpoint_url).get("https" if secure else "http"),
        )
