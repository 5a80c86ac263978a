"""The backend for SQLite.

Begin with `sqlite_backend`. `file` opens and lays out the file, `pool` lends its connections to
threads, `rows` and `statements` are what goes through them, and `failures` explains SQLite's
errors. `setup` serves the command line.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.backends.sqlite.setup import init as init
    from pmcp_storage.backends.sqlite.setup import verify as verify
    from pmcp_storage.backends.sqlite.sqlite_backend import SqliteBackend as SqliteBackend

__getattr__ = on_demand(
    __name__,
    {
        "SqliteBackend": "sqlite_backend",
        "init": "setup",
        "verify": "setup",
    },
)
