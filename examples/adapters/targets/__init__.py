"""The targets of the adapters: how the kit opens each, and what it may do behind its back.

No adapter's library is imported before its target is used, so that one that is missing is said.
"""

from __future__ import annotations

from adapters.targets.json_files import JsonFilesTarget
from adapters.targets.pynamodb_model import PynamoDbTarget
from adapters.targets.redis_keys import KeyValueTarget, RedisWatchTarget
from adapters.targets.sqlalchemy_rows import SqlAlchemyTarget
from pmcp_conformance import BackendTarget

ADAPTERS: list[type[BackendTarget]] = [
    JsonFilesTarget,
    SqlAlchemyTarget,
    RedisWatchTarget,
    KeyValueTarget,
    PynamoDbTarget,
]
