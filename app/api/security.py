"""API keys with scopes, and rate limits."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.errors import Forbidden, RateLimited, Unauthorized
from app.log import get_logger
from app.settings import Settings

_log = get_logger(__name__)
Scope = Literal["serve", "ingest", "admin"]
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="Scopes: serve, ingest, admin.")


class Gate:
    """Who may do what, how often. With auth off everybody may do everything."""

    def __init__(self, settings: Settings) -> None:
        self._open = settings.auth == "off"
        entries = [entry.strip().split(":") for entry in settings.api_keys.split(",") if entry.strip()]
        self._keys = [(bytes.fromhex(digest), frozenset(scopes.split("+"))) for scopes, digest in entries]
        self._limit = parse(settings.rate_limit) if settings.rate_limit else None
        self._limiter = (
            MovingWindowRateLimiter(RedisStorage(f"async+{settings.redis_url}", implementation="redispy"))
            if self._limit
            else None
        )

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

    async def admit(self, caller: str) -> None:
        """Raises RateLimited. While Redis is down nobody is limited: an answer is worth more than the limit."""
        if self._limit is None or self._limiter is None:
            return
        try:
            if await self._limiter.hit(self._limit, "lrgd:limit", caller):
                return
            reset_at, _ = await self._limiter.get_window_stats(self._limit, "lrgd:limit", caller)
        except Exception as error:  # noqa: BLE001 - limits raises whatever its storage's driver raises
            _log.warning("rate_limit_unavailable", error=repr(error))
            return
        raise RateLimited(f"more than {self._limit}", retry_after=max(1, round(reset_at - time.time())))


def needs(scope: Scope) -> Callable[[Request, str | None], Awaitable[None]]:
    """A dependency that lets in callers whose key has this scope."""

    async def check(request: Request, key: Annotated[str | None, Depends(_header)]) -> None:
        gate: Gate = request.app.state.gate
        gate.authorise(key, scope)
        client = request.client
        caller = hashlib.sha256(key.encode()).hexdigest()[:16] if key else client.host if client else "unknown"
        await gate.admit(caller)

    return check
