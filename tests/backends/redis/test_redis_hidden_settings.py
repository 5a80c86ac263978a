"""Servers that do not show their settings, as managed ones do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pmcp_storage import (
    BackendError,
    RedisBackend,
)
from support.redis_server import RedisServer


def without_config(tmp_path: Path, *options: str) -> RedisServer:
    return RedisServer(tmp_path, "--rename-command", "CONFIG", "", *options)


def test_verify_says_what_it_could_not_see(tmp_path: Path) -> None:
    with without_config(tmp_path) as server, RedisBackend.from_url(server.url) as backend:
        assert backend.inspect() == ([], ["appendfsync"])
        with pytest.raises(BackendError, match="does not show appendfsync") as failed:
            backend.verify()
        assert "appendfsync is always" in str(failed.value)


def test_what_info_shows_is_judged_where_config_is_denied(tmp_path: Path) -> None:
    with (
        without_config(tmp_path, "--maxmemory-policy", "allkeys-lru") as server,
        RedisBackend.from_url(server.url) as backend,
    ):
        with pytest.raises(BackendError) as failed:
            backend.verify()
        assert "maxmemory-policy is allkeys-lru, not noeviction" in str(failed.value)
        assert "does not show appendfsync" in str(failed.value)


def command(verb: str, url: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "pmcp_storage", verb, "redis", url]
    return subprocess.run(arguments, capture_output=True, text=True)


def test_init_does_not_fail_because_of_what_it_cannot_see(tmp_path: Path) -> None:
    with without_config(tmp_path) as server:
        init, verify = command("init", server.url), command("verify", server.url)
        assert init.returncode == 0
        assert "does not show appendfsync" in init.stdout
        assert verify.returncode == 1
        assert "does not show appendfsync" in verify.stderr
