"""The time a request has left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_time(answer: Coroutine[Any, Any, Result], deadline: float, *, patience_ms: int) -> Result:
    """The answer of a store that itself gives up after `patience_ms`; TimeoutError at `deadline` (time.monotonic).

    Most deadlines lie beyond the store's own patience, and then no second timer is set.
    """
    left = deadline - time.monotonic()
    if left > 2 * patience_ms / 1000:  # connecting and answering may take the patience once each
        return await answer
    async with asyncio.timeout(max(left, 0.0)):
        return await answer
