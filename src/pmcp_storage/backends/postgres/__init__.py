"""Records in one table of PostgreSQL 13 and newer, for threads and for event loops.

| column | type | content |
|---|---|---|
| `owner_id`, `task_id` | text COLLATE "C", the primary key | |
| `status` | text | for people; never read back |
| `version` | numeric | 1 after the creation, 1 more with each write |
| `expires_at` | timestamptz | null: never |
| `write_id` | uuid | a token of the last write |
| `data` | text | the record's JSON |

Every operation is one statement, a transaction of its own. `statements` has their SQL, `exchange`
sends one and says what became of it, `refusals` what PostgreSQL's errors mean, `pools` and
`async_pools` lend connections by `settings`, `operations` makes the contract's answers of all
that, `layout` has the table's and checks it, `creation` makes it. Begin with `postgres_backend`,
which is for threads; `async_postgres_backend` is for event loops. `setup` serves the command line.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.backends.postgres.async_postgres_backend import (
        AsyncPostgresBackend as AsyncPostgresBackend,
    )
    from pmcp_storage.backends.postgres.creation import create_missing as create_missing
    from pmcp_storage.backends.postgres.postgres_backend import PostgresBackend as PostgresBackend
    from pmcp_storage.backends.postgres.setup import init as init
    from pmcp_storage.backends.postgres.setup import verify as verify

__getattr__ = on_demand(
    __name__,
    {
        "AsyncPostgresBackend": "async_postgres_backend",
        "PostgresBackend": "postgres_backend",
        "create_missing": "creation",
        "init": "setup",
        "verify": "setup",
    },
)
