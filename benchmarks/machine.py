"""On which machine, with which versions, and beside what load something was measured."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "pmcp-storage",
    "pydantic",
    "boto3",
    "redis",
    "psycopg",
    "pytest",
    "pynamodb",
    "py-key-value-aio",
    "aioboto3",
    "langgraph-checkpoint-aws",
)


def machine() -> dict[str, str]:
    """All of it, by name."""
    load = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "load": load, **_fixed()}


@cache
def _fixed() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": f"{os.cpu_count()}, {_processor()}",
        "memory": f"{_gigabytes():.0f} GB",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **_servers(),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "of an unknown model"


def _gigabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _servers() -> dict[str, str]:
    from support.engines import DYNAMODB_LOCAL
    from support.postgres_processes import program
    from support.redis_server import server_program

    return {
        "DynamoDB Local": f"of {DYNAMODB_LOCAL}" if shutil.which("java") else "",
        "Redis": _answer(server_program(), "--version"),
        "PostgreSQL": _answer(str(program("postgres")), "--version"),
    }


def _answer(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return said.partition(" sha=")[0]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
