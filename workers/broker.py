"""Consumer groups over Redis Streams: at least once, retried, dead-lettered, drained on stop.

Every subscription is two subscribers of one group: a reader of new entries, and a claimer that takes over what a dead
worker left unacknowledged. A batch that fails is tried entry by entry, so that a bad entry holds up nobody else; an
entry that keeps failing goes to the dead letters. While a store is down nothing is given up on: the batch waits, then
lets go of its entries, to be claimed again. With too many dead letters, as after a bad deploy, nothing more is given up
on either: the worker stops, and its entries stay in the stream.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import stamina
from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app import metrics
from app.errors import StoreDown
from app.log import get_logger
from app.stores.dead import DeadLetter, DeadLetters
from app.stores.redis import redis_guard
from workers.entry import Entry, entry_of

_log = get_logger(__name__)
ATTEMPTS = 3  # of one entry before it is given up on
PATIENCE = 0.6  # of the claim idle time a batch waits for a store: it lets go of its entries before others claim them
DEAD_LIMIT = 10_000  # dead letters; with more it is not the entries that are at fault, and workers stop taking any


class TooManyDeadLetters(Exception):
    """There are more dead letters than a few bad entries explain."""


Handler = Callable[[Sequence[Entry]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which worker handles which stream."""

    worker: str
    stream: str
    handler: Handler


def open_broker(url: str) -> RedisBroker:
    """A broker that hands handlers the raw entries of a batch; stopping it waits for batches under way."""
    return RedisBroker(
        url, apply_types=False, graceful_timeout=20.0, logger=logging.getLogger("lrgd.broker"), log_level=logging.DEBUG
    )


def subscribe(
    broker: RedisBroker,
    subscription: Subscription,
    dead: DeadLetters,
    *,
    batch_size: int,
    claim_idle_ms: int,
    on_full: Callable[[], None] = lambda: None,
) -> None:
    """Attaches a handler to its stream, as a reader and as a claimer; `on_full` is called at too many dead letters."""

    async def handle(entries: Sequence[Entry]) -> None:
        try:
            await _handle(subscription, dead, entries, until=time.monotonic() + PATIENCE * claim_idle_ms / 1000)
        except TooManyDeadLetters:
            on_full()
            raise

    consumer = f"{socket.gethostname()}-{os.getpid()}"
    for idle in (None, claim_idle_ms):
        source = StreamSub(
            subscription.stream,
            group=subscription.worker,
            consumer=consumer,
            batch=True,
            max_records=batch_size,
            last_id=">",
            polling_interval=200,
            min_idle_time=idle,
        )
        broker.subscriber(stream=source, ack_policy=AckPolicy.NACK_ON_ERROR, parser=_parse, decoder=_decode)(handle)


async def create_groups(url: str, subscriptions: Sequence[Subscription]) -> None:
    """Makes each worker's group at the start of its stream, so that nothing is missed. Raises StoreDown."""
    async with redis_guard(rest_s=0.0), Redis.from_url(url) as redis:
        for each in subscriptions:
            try:
                await redis.xgroup_create(each.stream, each.worker, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise


async def _parse(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401 - FastStream's
    """FastStream's message without its envelope, which our entries do not have."""
    parsed = await original({**message, "data": [{b"__data__": b"null"} for _ in message["data"]]})
    parsed.raw_message = message
    return parsed


async def _decode(message: Any) -> list[Entry]:  # noqa: ANN401 - FastStream's
    raw = message.raw_message
    pairs = zip(raw["message_ids"], raw["data"], strict=True)
    return [entry_of(entry_id, fields) for entry_id, fields in pairs if fields]


async def _handle(subscription: Subscription, dead: DeadLetters, entries: Sequence[Entry], *, until: float) -> None:
    if not entries:  # a claimed entry that was trimmed meanwhile
        return
    begun = time.monotonic()
    try:
        await _patiently(subscription.handler, entries, until=until)
    except StoreDown:
        metrics.WORKER_MESSAGES.labels(subscription.worker, "put_off").inc(len(entries))
        raise
    except Exception as error:  # noqa: BLE001 - one bad entry must not stop the others
        _log.warning("batch_failed", worker=subscription.worker, entries=len(entries), error=repr(error))
        for entry in entries:
            await _one(subscription, dead, entry, until=until)
    else:
        metrics.WORKER_MESSAGES.labels(subscription.worker, "done").inc(len(entries))
    metrics.WORKER_SECONDS.labels(subscription.worker).observe(time.monotonic() - begun)


async def _patiently(handler: Handler, entries: Sequence[Entry], *, until: float) -> None:
    """Waits for a store that is down until this moment (time.monotonic()), then raises StoreDown."""
    left = max(until - time.monotonic(), 0.001)
    async for attempt in stamina.retry_context(
        on=StoreDown, attempts=None, timeout=left, wait_initial=0.2, wait_max=5.0, wait_jitter=0.2
    ):
        with attempt:
            await handler(entries)


async def _one(subscription: Subscription, dead: DeadLetters, entry: Entry, *, until: float) -> None:
    try:
        async for attempt in stamina.retry_context(on=_ours, attempts=ATTEMPTS, wait_initial=0.1, wait_max=2.0):
            with attempt:
                await _patiently(subscription.handler, [entry], until=until)
    except StoreDown:
        raise
    except Exception as error:  # noqa: BLE001 - that is what dead letters are for
        await _give_up(subscription, dead, entry, error)
    else:
        metrics.WORKER_MESSAGES.labels(subscription.worker, "done").inc()


async def _give_up(subscription: Subscription, dead: DeadLetters, entry: Entry, error: Exception) -> None:
    """Makes a dead letter of the entry; raises TooManyDeadLetters where that would be one too many."""
    if (there_are := await dead.count()) >= DEAD_LIMIT:
        _log.error("too_many_dead_letters", worker=subscription.worker, count=there_are, error=repr(error))
        raise TooManyDeadLetters(f"{there_are} dead letters: see `lrgd work --dead`, mend the cause, then --redrive")
    _log.error("dead_letter", worker=subscription.worker, entry=entry.entry_id, error=repr(error))
    letter = DeadLetter(
        stream=subscription.stream,
        worker=subscription.worker,
        entry_id=entry.entry_id,
        body=entry.body.decode(errors="replace"),
        error="".join(traceback.format_exception(error))[-4000:],
        died_at=int(time.time()),
        added_ms=entry.added_ms,
    )
    await dead.add(letter)
    metrics.WORKER_MESSAGES.labels(subscription.worker, "dead").inc()
    metrics.DEAD_LETTERS.labels(subscription.worker).inc()


def _ours(error: Exception) -> bool:
    return not isinstance(error, StoreDown)
