"""The backend for SQLite. Importing this package imports no library."""
