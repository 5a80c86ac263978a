"""The Lua scripts of RedisBackend: each is one atomic step on the keys of one owner.

Versions are compared as text, because numbers in Lua are inexact beyond 2^53. Every key that a
script touches is passed to it: the owner's ids, the owner's expiries, and the record.

Redis does not undo a script that fails half way, and may refuse any of its commands. So a script
reads first, decides what to write, asks whether it may, and then writes. Out of memory, a lack of
replicas and a lost primary are refused at the first command that writes, and never after it; while
a cluster moves a slot, a command on a key that is not there is refused, so keys are written over
and what is to be removed is removed last, never to be touched again.
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


# With this flag a script runs wherever a read does: on a replica, and while writes are refused.
_READS = "#!lua flags=no-writes\n"

_NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

_STEPS = (
    _NOW
    + """
local steps = {}
local function step(...) steps[#steps + 1] = {...} end

local function take_steps()
  for _, each in ipairs(steps) do
    if not redis.acl_check_cmd(unpack(each)) then
      return redis.error_reply('NOPERM this user may not run ' .. each[1] .. ' on these keys')
    end
  end
  for _, each in ipairs(steps) do redis.call(unpack(each)) end
end

local function expire(key, score)
  if score == math.huge then step('PERSIST', key)
  elseif score > now then step('PEXPIREAT', key, string.format('%.0f', score)) end
end

local function highest_other_than(task_id)
  local top = redis.call('ZREVRANGE', KEYS[2], 0, 1, 'WITHSCORES')
  local score = top[1] == task_id and top[4] or top[2]
  return score == 'inf' and math.huge or tonumber(score)
end

local function dead_other_than(task_id)
  local dead = {}
  local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now, 'LIMIT', 0, 4000)
  for _, each in ipairs(found) do
    if each ~= task_id then dead[#dead + 1] = each end
  end
  return dead
end

local function leave_index(task_ids)
  if #task_ids == 0 then return end
  step('ZREM', KEYS[1], unpack(task_ids))
  step('ZREM', KEYS[2], unpack(task_ids))
end

local function remove(task_id)
  local last = highest_other_than(task_id)
  if last then
    expire(KEYS[1], last)
    expire(KEYS[2], last)
  end
  local gone = dead_other_than(task_id)
  gone[#gone + 1] = task_id
  leave_index(gone)
  step('DEL', KEYS[3])
end
"""
)
"""KEYS: ids, expiry, record. An entry is dead once its expiry lies before now, as Redis has it too.

The index expires with its last record.
"""

WRITE = Script(
    _STEPS
    + """
local stored = redis.call('HMGET', KEYS[3], 'version', 'write_id')
local version = stored[1] or redis.call('HEXISTS', KEYS[3], 'data') == 1 and '?' or ''
if stored[2] == ARGV[1] then return {1, version} end
if version ~= ARGV[2] then return {0, version} end

local task_id = ARGV[3]
local expiry = ARGV[4] == '+inf' and math.huge or tonumber(ARGV[4])
if expiry <= now then
  remove(task_id)
else
  step('ZADD', KEYS[1], 0, task_id)
  step('ZADD', KEYS[2], ARGV[4], task_id)
  local last = math.max(expiry, highest_other_than(task_id) or 0)
  expire(KEYS[1], last)
  expire(KEYS[2], last)
  leave_index(dead_other_than(task_id))
  step('HSET', KEYS[3], unpack(ARGV, 5))
  expire(KEYS[3], expiry)
end
return take_steps() or {1, version}
"""
)
"""ARGV: write_id, expected version (empty: none), task_id, expiry, fields and values."""

DELETE = Script(
    _STEPS
    + """
local found = redis.call('EXISTS', KEYS[3])
remove(ARGV[1])
return take_steps() or {found}
"""
)
"""ARGV: task_id."""

LIST = Script(
    _READS
    + _NOW
    + """
local found, bound, most = {}, ARGV[1], tonumber(ARGV[2])
local size = math.max(most, 100)
repeat
  local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], bound, '-', 'LIMIT', 0, size)
  local scores = #ids > 0 and redis.call('ZMSCORE', KEYS[2], unpack(ids))
  for i, task_id in ipairs(ids) do
    if #found == most then break end
    if not (scores[i] and tonumber(scores[i]) < now) then found[#found + 1] = task_id end
    bound = '(' .. task_id
  end
until #found == most or #ids < size
return found
"""
)
"""ARGV: upper bound, limit (at most 1,000). Dead entries are left out."""

COUNT = Script(
    _READS
    + _NOW
    + """
local at = tonumber(ARGV[1])
if now > at then return {redis.call('ZCOUNT', KEYS[1], now, '+inf'), {}} end
return {redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[1], '+inf'),
        redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])}
"""
)
"""KEYS: expiry. ARGV: milliseconds. Returns how many expire later, and the ids that expire then."""
