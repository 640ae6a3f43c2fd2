"""Turns a store's failures into StoreDown, and leaves a failing store alone for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from types import TracebackType
from typing import Any, TypeVar

from app.errors import StoreDown
from app.log import get_logger

_log = get_logger(__name__)
FAIR_S = 0.025  # who waited less for a store cannot say that it is down
Result = TypeVar("Result")


class Guard:
    """`async with guard:` around every call to one store.

    After a failure nothing passes for `rest_s` seconds, then one probe at a time, until one succeeds. Workers take
    `rest_s=0`: they wait and retry themselves. The first failure of an outage and its end are logged, nothing between.
    A refusal is an answer: the call fails with StoreDown, and others go on.
    """

    def __init__(
        self,
        name: str,
        failures: tuple[type[BaseException], ...],
        *,
        rest_s: float,
        refusals: tuple[type[BaseException], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._failures = failures
        self._refusals = refusals
        self._refused: set[str] = set()  # first words of the refusals that were logged
        self._rest_s = rest_s
        self._clock = clock
        self._retry_at = 0.0
        self._failing = False

    async def __aenter__(self) -> None:
        if (call := _CALL.get()) is not None:
            call.guard = self
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
            raise StoreDown(f"{self.name} is down") from error
        elif isinstance(error, self._refusals):
            self._succeeded()
            self._log_refusal(error)
            raise StoreDown(f"{self.name} refused a command") from error

    def overdue(self, waited_s: float) -> None:
        """Counts a call as failed that has not come back yet."""
        self._failed(TimeoutError(f"no answer within {waited_s:.3f} s"))

    def _succeeded(self) -> None:
        if self._failing:
            _log.info("store_back", store=self.name)
            self._failing = False

    def _log_refusal(self, error: BaseException) -> None:
        word = str(error).partition(" ")[0]
        if word not in self._refused:
            self._refused.add(word)
            _log.warning("store_refused", store=self.name, error=repr(error))

    def _failed(self, error: BaseException) -> None:
        if not self._failing:
            _log.warning("store_down", store=self.name, error=repr(error))
        self._failing = True
        self._retry_at = self._clock() + self._rest_s


class _Call:
    """A call that its caller may give up on, and the guard that it went through last."""

    __slots__ = ("guard",)

    def __init__(self) -> None:
        self.guard: Guard | None = None


_CALL: ContextVar[_Call | None] = ContextVar("lrgd_call", default=None)
_ABANDONED: set[asyncio.Task[Any]] = set()  # the event loop itself holds tasks only weakly


async def within(answer: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The answer of a store; StoreDown after `seconds`, whether or not the driver has heard of it by then.

    A driver may take many seconds to cancel what it asked of a server that hangs. So the call is a task of its own,
    which is cancelled, left to itself, and counted as a failure by its guard.
    """
    call, context = _Call(), copy_context()
    context.run(_CALL.set, call)
    task = asyncio.get_running_loop().create_task(answer, context=context)
    try:
        done, _ = await asyncio.wait((task,), timeout=max(seconds, 0.0))
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if done:
        return task.result()
    if call.guard is not None and seconds >= FAIR_S:
        call.guard.overdue(seconds)
    _abandon(task)
    raise StoreDown("a store did not answer in time")


def _abandon(task: asyncio.Task[Any]) -> None:
    _ABANDONED.add(task)
    task.add_done_callback(_buried)
    task.cancel()


def _buried(task: asyncio.Task[Any]) -> None:
    _ABANDONED.discard(task)
    error = None if task.cancelled() else task.exception()
    _log.debug("abandoned_call_ended", error=repr(error), cancelled=task.cancelled())
