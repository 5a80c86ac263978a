"""The target of AsyncPostgresBackend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmcp_conformance.targets.postgres import PostgresTarget

if TYPE_CHECKING:
    from pmcp_storage import AsyncPostgresBackend, PostgresBackend

    Handle = PostgresBackend | AsyncPostgresBackend


class AsyncPostgresTarget(PostgresTarget):
    """As PostgresTarget, by AsyncPostgresBackend."""

    name = "postgres-async"

    def _open(self, url: str, schema: str, **settings: Any) -> Handle:
        from pmcp_storage import AsyncPostgresBackend

        return AsyncPostgresBackend.from_url(url, schema, **settings)
