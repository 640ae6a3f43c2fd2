"""Turns a store's failures into StoreDown, and leaves a failing store alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from app.errors import StoreDown
from app.log import get_logger

_log = get_logger(__name__)


class Guard:
    """`async with guard:` around every call to one store.

    After a failure nothing passes for `rest_s` seconds, then one probe at a time, until one succeeds. Workers take
    `rest_s=0`: they wait and retry themselves. The first failure of an outage and its end are logged, nothing between.
    """

    def __init__(
        self,
        name: str,
        failures: tuple[type[BaseException], ...],
        *,
        rest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._failures = failures
        self._rest_s = rest_s
        self._clock = clock
        self._retry_at = 0.0
        self._failing = False

    async def __aenter__(self) -> None:
        if not self._failing or self._rest_s == 0:
            return
        now = self._clock()
        if now < self._retry_at:
            raise StoreDown(f"{self.name} is left alone after a failure")
        self._retry_at = now + self._rest_s  # others keep out while this probe is under way

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._succeeded()
        elif isinstance(error, self._failures):
            self._failed(error)
            raise StoreDown(f"{self.name} is down: {error}") from error

    def _succeeded(self) -> None:
        if self._failing:
            _log.info("store_back", store=self.name)
            self._failing = False

    def _failed(self, error: BaseException) -> None:
        if not self._failing:
            _log.warning("store_down", store=self.name, error=repr(error))
        self._failing = True
        self._retry_at = self._clock() + self._rest_s
