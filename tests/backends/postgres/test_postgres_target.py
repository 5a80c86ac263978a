"""PostgresTarget: where it runs, where it does not, and that it leaves nothing behind."""

from __future__ import annotations

import pytest

from pmcp_conformance.targets.postgres import PostgresTarget
from support.postgres_server import PostgresServer, postgres_server
from support.postgres_support import make
from support.servers import free_port

__all__ = ["postgres_server"]


@pytest.fixture
def target(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresTarget:
    monkeypatch.setenv("PMCP_POSTGRES_URL", postgres_server.url())
    return PostgresTarget()


def schemas(server: PostgresServer) -> int:
    return len(server.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'pmcp%'"))


def test_a_run_makes_schemas_of_its_own_and_drops_them(
    postgres_server: PostgresServer, target: PostgresTarget
) -> None:
    before = schemas(postgres_server)
    assert target.unavailable() is None
    target.prepare()
    with target.handle() as handle, target.handle("open_fresh", "token") as fresh:
        assert (handle.put(make()), fresh.put(make())) == (1, 1)
    assert schemas(postgres_server) == before + 2
    target.dispose_fresh("token")
    target.dispose()
    assert schemas(postgres_server) == before


def test_no_server_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PMCP_POSTGRES_URL", "PGHOST", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert "set one of them" in str(PostgresTarget().unavailable())
    monkeypatch.setenv("PMCP_POSTGRES_URL", f"host=127.0.0.1 port={free_port()}")
    assert "Connection refused" in str(PostgresTarget().unavailable())


def test_another_machine_is_left_alone_unless_named(
    target: PostgresTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "_host", "db.example")
    monkeypatch.setattr(target, "_hostaddr", "192.0.2.1")
    assert "db.example is no loopback address" in str(target.unavailable())
    assert not target.offers("open_fresh")
    target.named = True
    assert target.unavailable() is None
    target.prepare()
    assert target._schema == "pmcp"
    target.dispose()
