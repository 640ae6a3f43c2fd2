"""The Redis keyspace, the connection, and the scripts that change more than one key at once.

| key                  | type   | holds                                                         | lives              |
|----------------------|--------|---------------------------------------------------------------|--------------------|
| lrgd:user:{user}     | hash   | v version, h history, p paths, a archives + replay + applied  | memory_ttl_s       |
| lrgd:impression:{id} | string | the impression as JSON, for joining feedback                  | attribution window |
| lrgd:taken:{id}      | set    | identities of the feedback accepted on the impression         | attribution window |
| lrgd:answer:{digest} | string | the answer to an Idempotency-Key, after its ms and a newline  | answer_ttl_s       |
| lrgd:erased:{user}   | string | when the user was erased, ms; older messages are dropped      | one day            |
| lrgd:stream:served   | stream | impressions, for the recorder                                 | stream_retention_s |
| lrgd:stream:feedback | stream | accepted feedback, for the scorer                             | after handling     |
| lrgd:stream:outcome  | stream | outcomes, drafted demonstrations and rounds, for the recorder | after handling     |
| lrgd:stream:rebuild  | stream | users whose memory is missing or behind, for the sweeper      | after handling     |
| lrgd:stream:erase    | stream | users to erase, for the sweeper                               | after handling     |
| lrgd:stream:dead     | stream | entries given up on, for `lrgd work --redrive`                | until redriven     |

Every stream entry has a field `d`, which holds JSON; a redriven one has `a` too, the millisecond it was first added at.
Scripts touch keys of several users' slots: one Redis (with replicas or Sentinel), not a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.stores.batching import Batcher
from app.stores.guard import Guard

FIELD = "d"
SERVED, FEEDBACK, OUTCOME = "lrgd:stream:served", "lrgd:stream:feedback", "lrgd:stream:outcome"
REBUILD, ERASE, DEAD = "lrgd:stream:rebuild", "lrgd:stream:erase", "lrgd:stream:dead"

Argument = str | bytes | int
Call = tuple[Sequence[str], Sequence[Argument]]  # keys, arguments

# Stores the impression and tells the recorder, unless the Idempotency-Key has an answer already: then that answer,
# where it was given after the user's erasure.
SERVE = """
if KEYS[3] then
  local kept = redis.call('GET', KEYS[3])
  if kept then
    local at, answer = string.match(kept, '^(%d+)\\n(.*)$')
    local erased = redis.call('GET', KEYS[4])
    if at and not (erased and tonumber(erased) >= tonumber(at)) then return answer end
  end
  redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[4])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'd', ARGV[1])
return false
"""

# 1 accepted, 0 a repeat, -1 the user was erased after the impression was served (ARGV[4], ms).
# A repeat has the same outcome key (ARGV[1]), or the caller's own id for it and the same item (ARGV[5]).
ACCEPT = """
local erased = redis.call('GET', KEYS[3])
if erased and tonumber(erased) >= tonumber(ARGV[4]) then return -1 end
local known = redis.call('SISMEMBER', KEYS[1], ARGV[1])
if ARGV[5] and redis.call('SADD', KEYS[1], ARGV[5]) == 0 then known = 1 end
if known == 1 then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[2], '*', 'd', ARGV[2])
return 1
"""

# 1 saved, 0 the version moved on, -1 the user was erased after the message that caused this save (ARGV[6], ms).
# What the save makes known (ARGV[7]...) is published with it or not at all.
SAVE = """
local erased = redis.call('GET', KEYS[2])
if erased and tonumber(erased) >= tonumber(ARGV[6]) then return -1 end
local version = redis.call('HGET', KEYS[1], 'v') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', tonumber(ARGV[1]) + 1, 'h', ARGV[2], 'p', ARGV[3], 'a', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
for i = 7, #ARGV do redis.call('XADD', KEYS[3], '*', 'd', ARGV[i]) end
return 1
"""

# Takes a memory that nobody can read out of the way, unless it has been saved anew since (ARGV[1], its version).
DISCARD = """
local version = redis.pcall('HGET', KEYS[1], 'v')
if type(version) ~= 'table' and version ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

# Leaves a tombstone of this moment (ARGV[1], or now by the clock that stamps the streams, ms) for a user's memory.
FORGET = """
local now = redis.call('TIME')
redis.call('SET', KEYS[2], ARGV[1] or string.format('%d', now[1] * 1000 + math.floor(now[2] / 1000)), 'EX', 86400)
redis.call('DEL', KEYS[1])
return 1
"""


def redis_guard(*, rest_s: float) -> Guard:
    """The guard of everything that talks to Redis."""
    # a server that still loads its data raises a kind of ConnectionError; any other RedisError is about one command
    unreachable = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)
    return Guard("redis", unreachable, rest_s=rest_s, refusals=(RedisError,))


def user_key(user_id: str) -> str:
    """Key of a user's memory."""
    return f"lrgd:user:{user_id}"


def impression_key(impression_id: str) -> str:
    """Key of an impression."""
    return f"lrgd:impression:{impression_id}"


def taken_key(impression_id: str) -> str:
    """Key of the feedback accepted on an impression."""
    return f"lrgd:taken:{impression_id}"


def answer_key(digest: str) -> str:
    """Key of the answer to an Idempotency-Key."""
    return f"lrgd:answer:{digest}"


def erased_key(user_id: str) -> str:
    """Key of a user's tombstone."""
    return f"lrgd:erased:{user_id}"


class Script:
    """A Lua script on the server; a server that does not know it yet is taught it once."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._redis = redis
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def batched(self, batcher: Batcher, call: Call) -> Any:  # noqa: ANN401 - what a script returns is its own
        """The script's answer; the call travels with those of other requests."""
        keys, arguments = call
        try:
            return await batcher.execute("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await batcher.execute("EVAL", self._text, len(keys), *keys, *arguments)

    async def calls(self, calls: Sequence[Call]) -> list[Any]:
        """The answers of many calls, in one round trip."""
        try:
            return await self._evaluate(calls)
        except NoScriptError:  # then none of them has run
            await self._redis.script_load(self._text)
            return await self._evaluate(calls)

    async def _evaluate(self, calls: Sequence[Call]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for keys, arguments in calls:
            pipeline.evalsha(self._sha, len(keys), *keys, *arguments)
        return list(await pipeline.execute())


def open_redis(url: str, *, timeout_ms: int, connections: int = 64, timed: bool = True) -> Redis:
    """A client that fails within `timeout_ms` and never retries by itself: its callers decide what a failure means.

    With `timed=False` only connecting is timed, and the caller times what it asks.
    """
    seconds = timeout_ms / 1000
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=seconds,
        socket_timeout=seconds if timed else None,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
    return Redis.from_pool(pool)  # closing the client then closes its connections
