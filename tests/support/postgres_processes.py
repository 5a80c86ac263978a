"""Programs of PostgreSQL's as processes: found, started as a user whom they accept."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg
import pytest

NEEDED = "these tests need a PostgreSQL server: apt-get install postgresql pgbouncer"

READY_WITHIN = 60.0
"""Seconds in which a server starts or ends."""


def conninfo(port: int, database: str, user: str, **options: str) -> str:
    """A connection string for a server on this machine."""
    given = {"host": "127.0.0.1", "port": str(port), "dbname": database, "user": user}
    given |= {"sslmode": "disable", "gssencmode": "disable", **options}
    return psycopg.conninfo.make_conninfo("", **given)


@cache
def program(name: str) -> str:
    """A program of PostgreSQL's or PgBouncer; the newest, where Debian has several versions."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name, path=f"{os.defpath}:/usr/sbin")
    if path is None:
        pytest.fail(NEEDED)
    return path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that every user may pass through: a short path, for sockets have short names."""
    with tempfile.TemporaryDirectory(prefix="pmcp-pg-") as folder:
        os.chmod(folder, 0o755)
        # A moment later than the servers in it, which end in the same way.
        watching = watch('sleep 3; rm -rf "$1"', folder)
        try:
            yield Path(folder)
        finally:
            end(watching)


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as, where it cannot run as we do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is no user 'nobody' either")


def give_away(folder: Path) -> None:
    user = _user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def as_user(*command: object) -> None:
    user = _user()
    done = subprocess.run(
        [str(each) for each in command],
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
        cwd="/",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr}")


def start_as_user(
    *command: object, log: Path, guarded_by: subprocess.Popen[bytes]
) -> subprocess.Popen[bytes]:
    user = _user()
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(each) for each in command],
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=guarded_by.pid,
        )


def watch(command: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A process that runs a command of the shell when we are gone, also when we are killed."""
    # The read ends when the last writer is gone, and the only writer is this process.
    return subprocess.Popen(
        ["sh", "-c", f"read -r _; {command}", "watch", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(watching: subprocess.Popen[bytes]) -> None:
    """End such a process, with nothing left to watch."""
    watching.kill()
    watching.communicate()


def is_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return True
        time.sleep(0.02)
    return False


def children(process: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True)
    return [int(line) for line in listed.stdout.split()]


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
