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
that, `table` has the layout and checks it, `setup` creates it. `backend` and `async_backend` are
the two doors.
"""

from pmcp_storage.backends.postgres.async_backend import AsyncPostgresBackend
from pmcp_storage.backends.postgres.backend import PostgresBackend
from pmcp_storage.backends.postgres.setup import init_postgres, verify_postgres

__all__ = ["AsyncPostgresBackend", "PostgresBackend", "init_postgres", "verify_postgres"]
