"""The SQL of the SQLite backend: the layout of a file, and the statement of each operation."""

from __future__ import annotations

APPLICATION_ID = 0x504D4350
"""The file's mark, `PRAGMA application_id`: the letters PMCP."""

SCHEMA_VERSION = 1
"""The layout that this version reads and writes, `PRAGMA user_version`."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tasks (
        owner_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        status TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER, -- microseconds since 1970; NULL: never
        data TEXT NOT NULL, -- the record as JSON
        PRIMARY KEY (owner_id, task_id)
    )""",
    """CREATE INDEX IF NOT EXISTS tasks_by_expiry ON tasks (expires_at)
        WHERE expires_at IS NOT NULL""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

IDENTITY = """SELECT (SELECT count(*) FROM sqlite_master), application_id, user_version
              FROM pragma_application_id, pragma_user_version"""
"""How many tables and indexes a file has, its mark, and its layout."""

PARTS = """SELECT 1, 'table ' || name FROM sqlite_master WHERE type = 'table'
           UNION ALL SELECT 2, 'column ' || columns.name || ' of its table ' || sqlite_master.name
           FROM sqlite_master, pragma_table_info(sqlite_master.name) AS columns
           UNION ALL SELECT 3, 'index ' || name FROM sqlite_master WHERE type = 'index'"""
"""The tables of a file, their columns and the indexes, ranked, and as phrases that name them."""

GET = "SELECT version, data FROM tasks WHERE owner_id = ? AND task_id = ?"
VERSION = "SELECT version FROM tasks WHERE owner_id = ? AND task_id = ?"
WRITE = """INSERT INTO tasks (owner_id, task_id, status, version, expires_at, data)
           VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (owner_id, task_id) DO UPDATE SET status = excluded.status,
           version = excluded.version, expires_at = excluded.expires_at, data = excluded.data"""
DELETE = "DELETE FROM tasks WHERE owner_id = ? AND task_id = ?"
PAGE = """SELECT task_id, version, data FROM tasks WHERE owner_id = ? AND task_id < ?
          ORDER BY task_id DESC LIMIT ?"""
COUNT = """SELECT count(*) FROM (SELECT 1 FROM tasks WHERE owner_id = ? LIMIT ?)"""
COUNT_LIVE = """SELECT count(*) FROM (SELECT 1 FROM tasks WHERE owner_id = ?
                AND (expires_at IS NULL OR expires_at > ?) LIMIT ?)"""
CLEANUP = """DELETE FROM tasks WHERE rowid IN
             (SELECT rowid FROM tasks WHERE expires_at <= ? LIMIT ?)"""
