"""API keys with scopes, and rate limits; checked before anything of a body is read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from typing import Literal

from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.types import Scope as ASGIScope

from app.errors import Forbidden, RateLimited, Unauthorized
from app.log import get_logger
from app.settings import Settings

_log = get_logger(__name__)
REST_S = 1.0  # how long a store of limits that failed is left alone
Scope = Literal["serve", "ingest", "admin"]
PUBLIC = frozenset({"healthz", "readyz", "metrics", "docs", "openapi.json"})
SCOPES: dict[str, Scope] = {"recommend": "serve", "feedback": "serve", "items": "ingest", "events": "ingest"}


class Gate:
    """Who may do what, how often. With auth off everybody may do everything."""

    def __init__(self, settings: Settings) -> None:
        self._open = settings.auth == "off"
        entries = [entry.strip().split(":") for entry in settings.api_keys.split(",") if entry.strip()]
        self._keys = [(bytes.fromhex(digest), frozenset(scopes.split("+"))) for scopes, digest in entries]
        self._patience_s = settings.redis_timeout_ms / 1000
        self._rest_until = 0.0
        self._counts = True
        self._limit = parse(settings.rate_limit) if settings.rate_limit else None
        self._storage = _storage(settings) if self._limit else None
        self._limiter = MovingWindowRateLimiter(self._storage) if self._storage else None

    async def close(self) -> None:
        """Closes the connections to the store of the limits."""
        if self._storage is not None:
            await self._storage.bridge.storage.aclose()  # type: ignore[attr-defined]  # the redispy bridge has one

    def authorise(self, key: str | None, scope: Scope) -> None:
        """Raises Unauthorized or Forbidden. Every stored key is compared, so that time tells nothing."""
        if self._open:
            return
        if key is None:
            raise Unauthorized("send an API key in the X-API-Key header")
        digest = hashlib.sha256(key.encode()).digest()
        granted: frozenset[str] = frozenset()
        known = False
        for stored, scopes in self._keys:
            if hmac.compare_digest(stored, digest):
                granted, known = scopes, True
        if not known:
            raise Unauthorized("this API key is not known")
        if scope not in granted:
            raise Forbidden(f"this API key lacks the scope {scope}")

    async def check(self, scope: ASGIScope) -> None:
        """Raises Unauthorized, Forbidden or RateLimited where a request may not pass."""
        if self._open and self._limit is None:
            return
        needed = scope_of(scope["method"], scope["path"])
        if needed is None:
            return
        key = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-api-key"), None)
        self.authorise(key, needed)
        client = scope["client"]
        await self.admit(hashlib.sha256(key.encode()).hexdigest()[:16] if key else client[0] if client else "unknown")

    async def admit(self, caller: str) -> None:
        """Raises RateLimited. While Redis is down nobody is limited: an answer is worth more than the limit."""
        if self._limit is None or self._limiter is None:
            return
        if time.monotonic() < self._rest_until:
            return
        try:
            async with asyncio.timeout(self._patience_s):
                admitted = await self._limiter.hit(self._limit, "lrgd:limit", caller)
                window = None if admitted else await self._limiter.get_window_stats(self._limit, "lrgd:limit", caller)
        except Exception as error:  # noqa: BLE001 - limits raises whatever its storage's driver raises
            self._counting_failed(error)
            return
        self._counts = True
        if window is None:
            return
        reset_at, _ = window
        raise RateLimited(f"more than {self._limit}", retry_after=max(1, round(reset_at - time.time())))

    def _counting_failed(self, error: Exception) -> None:
        """Leaves the store alone for a while; the first failure of an outage is logged."""
        self._rest_until = time.monotonic() + REST_S
        if self._counts:
            _log.warning("rate_limit_unavailable", error=repr(error))
        self._counts = False


def _storage(settings: Settings) -> RedisStorage:
    """Where the limits are counted; it gives up as soon as everything else on the request path."""
    seconds = settings.redis_timeout_ms / 1000
    return RedisStorage(
        f"async+{settings.redis_url}",
        implementation="redispy",
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
    )


def scope_of(method: str, path: str) -> Scope | None:
    """The scope a request needs, None where it needs no key; what no rule names is for admins only."""
    first = path.split("/", 2)[1] if path.startswith("/") else path
    if first in PUBLIC:
        return None
    if first == "users":
        return "admin" if method == "DELETE" else "serve"
    return SCOPES.get(first, "admin")
