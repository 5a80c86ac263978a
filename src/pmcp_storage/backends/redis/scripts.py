"""The Lua scripts of RedisBackend: each is one atomic step on the keys of one owner.

Versions are compared as text, because numbers in Lua are inexact beyond 2^53. Every key that a
script touches is passed to it: the owner's ids, the owner's expiries, and the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1

Command = tuple[bytes, ...]


class Script:
    """A Lua script, called by its digest; its text is sent only where the server lacks it."""

    _texts: dict[bytes, bytes] = {}  # noqa: RUF012 - the scripts of this process, by digest

    def __init__(self, text: str) -> None:
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        self._texts[self._digest] = text.encode()

    def command(self, keys: Sequence[bytes], *arguments: bytes) -> Command:
        return (b"EVALSHA", self._digest, b"%d" % len(keys), *keys, *arguments)

    @classmethod
    def with_text(cls, command: Command) -> Command:
        return (b"EVAL", cls._texts[command[1]], *command[2:])


_INDEX = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function drop_dead()
  local dead = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now, 'LIMIT', 0, 1000)
  if #dead > 0 then
    redis.call('ZREM', KEYS[1], unpack(dead))
    redis.call('ZREM', KEYS[2], unpack(dead))
  end
end
local function settle()
  drop_dead()
  local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
  for i = 1, 2 do
    if last == 'inf' then redis.call('PERSIST', KEYS[i])
    elseif last then redis.call('PEXPIREAT', KEYS[i], last) end
  end
end
"""
"""KEYS: ids, expiry. An entry is dead once its expiry lies before now, as Redis has it too."""

# What may be refused comes first in a script, the record last: an error leaves nothing half done.
WRITE = Script(
    _INDEX
    + """
local stored = redis.call('HMGET', KEYS[3], 'version', 'write_id')
local version = stored[1] or redis.call('HEXISTS', KEYS[3], 'data') == 1 and '?' or ''
if stored[2] == ARGV[1] then return {1, version} end
if version ~= ARGV[2] then return {0, version} end
redis.call('ZADD', KEYS[1], 0, ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
settle()
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], unpack(ARGV, 5))
if ARGV[4] ~= '+inf' then redis.call('PEXPIREAT', KEYS[3], ARGV[4]) end
return {1, version}
"""
)
"""ARGV: write_id, expected version (empty: none), task_id, expiry, fields and values."""

DELETE = Script(
    _INDEX
    + """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
settle()
return {redis.call('DEL', KEYS[3])}
"""
)
"""ARGV: task_id."""

LIST = Script(
    _INDEX
    + """
drop_dead()
return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '-', 'LIMIT', 0, ARGV[2])
"""
)
"""ARGV: upper bound, limit."""

COUNT = Script(
    _INDEX
    + """
local at = tonumber(ARGV[1])
if now > at then return {redis.call('ZCOUNT', KEYS[2], now, '+inf'), {}} end
return {redis.call('ZCOUNT', KEYS[2], '(' .. ARGV[1], '+inf'),
        redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[1])}
"""
)
"""ARGV: milliseconds. Returns how many expire later, and the ids that expire in that one."""
