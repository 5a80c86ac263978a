"""`pmcp-storage init | verify`: set up a storage, and say what is wrong with one.

Both may be run again and again: `init` does what is missing and changes nothing else, `verify`
changes nothing at all. Exit codes: 0 all is well, 1 something is wrong and was said, 2 the command
line is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pmcp_storage.errors import BackendError, StorageError

Command = Callable[[argparse.Namespace], Iterator[str]]


def init_dynamodb(options: argparse.Namespace) -> Iterator[str]:
    """Create the table with on-demand billing where it is missing, and switch on its expiry."""
    from pmcp_storage.backends.dynamodb.dynamodb_backend import client_from_env, table_definition

    client, name = client_from_env(), options.table
    missing = client.exceptions.ResourceNotFoundException
    try:
        client.describe_table(TableName=name)
        yield f"table {name} is there"
    except missing:
        client.create_table(**table_definition(name))
        client.get_waiter("table_exists").wait(TableName=name)
        yield f"created table {name}: keys PK and SK, on-demand billing"
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        yield f"time to live is {ttl['TimeToLiveStatus'].lower()}"
    else:
        client.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )
        yield "switched on time to live for the attribute expires_at"
    yield from verify_dynamodb(options)


def verify_dynamodb(options: argparse.Namespace) -> Iterator[str]:
    """Check the table's keys and its expiry."""
    from pmcp_storage import DynamoDbBackend

    with DynamoDbBackend.from_env(options.table) as backend:
        backend.verify()
    yield f"table {options.table} is as it should be"


def init_sqlite(options: argparse.Namespace) -> Iterator[str]:
    """Create the file where it is missing."""
    from pmcp_storage import SqliteBackend

    there = Path(options.path).exists()
    with SqliteBackend(options.path) as backend:
        backend.verify()
    yield f"{options.path} is there" if there else f"created {options.path}"


def verify_sqlite(options: argparse.Namespace) -> Iterator[str]:
    """Check that the file is there, is ours, and is sound."""
    from pmcp_storage import SqliteBackend

    if not Path(options.path).exists():
        raise BackendError(
            f"{options.path} does not exist: create it with 'pmcp-storage init sqlite "
            f"{options.path}'"
        )
    with SqliteBackend(options.path) as backend:
        backend.verify()
    yield f"{options.path} is as it should be"


def init_redis(options: argparse.Namespace) -> Iterator[str]:
    """Nothing needs to be created in Redis, so this is verify."""
    yield "Redis needs no preparation"
    yield from verify_redis(options)


def verify_redis(options: argparse.Namespace) -> Iterator[str]:
    """Check that the server keeps what it acknowledges."""
    from pmcp_storage import RedisBackend

    with RedisBackend.from_url(options.url) as backend:
        backend.verify()
    yield "Redis is as it should be"


_COMMANDS: dict[str, dict[str, Command]] = {
    "init": {"dynamodb": init_dynamodb, "sqlite": init_sqlite, "redis": init_redis},
    "verify": {"dynamodb": verify_dynamodb, "sqlite": verify_sqlite, "redis": verify_redis},
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pmcp-storage",
        description="Set up the storage of MCP tasks, or say what is wrong with it.",
        epilog="DynamoDB is found by the usual AWS settings: AWS_REGION, AWS_PROFILE, "
        "AWS_ENDPOINT_URL and so on.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="init | verify")
    for verb, helped in (
        ("init", "create what is missing; run again, it changes nothing"),
        ("verify", "say what is missing or wrong, and exit with 1 if anything is"),
    ):
        backends = verbs.add_parser(verb, help=helped).add_subparsers(
            dest="backend", required=True, metavar="dynamodb | sqlite | redis"
        )
        _add_backends(backends)
    return parser


def _add_backends(backends: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    dynamodb = backends.add_parser("dynamodb", help="a DynamoDB table")
    table = os.environ.get("PMCP_TABLE") or "pmcp_tasks"
    dynamodb.add_argument(
        "--table", default=table, help="its name (default: PMCP_TABLE, or pmcp_tasks)"
    )
    backends.add_parser("sqlite", help="a SQLite file").add_argument("path", help="the file")
    redis = backends.add_parser("redis", help="a Redis or Valkey server")
    redis.add_argument("url", help="redis://user:password@host:port/db")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        for line in _COMMANDS[options.verb][options.backend](options):
            print(line)
    except (StorageError, ValueError, ModuleNotFoundError) as error:
        return _complain(str(error))
    except Exception as error:  # a library's own: its message is for people, its trace is not
        return _complain(f"{type(error).__name__}: {error}")
    return 0


def _complain(message: str) -> int:
    print(f"pmcp-storage: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
