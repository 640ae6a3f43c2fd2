"""Plain HTTP/1.1 load over kept connections: light enough that one core of it outruns one core of a service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What a load run saw; `latencies_s` in the order of completion, `bodies` where they were kept."""

    seconds: float = 0.0
    answered: int = 0
    refused: int = 0  # answers other than 2xx
    latencies_s: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0


def post(path: str, body: bytes, *, host: str = "127.0.0.1") -> bytes:
    """The bytes of a POST of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def saturate(
    port: int, requests: Sequence[bytes], *, seconds: float, connections: int, keep: bool = False
) -> Load:
    """As many requests as the service answers in `seconds` over this many connections."""
    load = Load()
    ends = time.perf_counter() + seconds
    begun = time.perf_counter()
    await asyncio.gather(
        *(_caller(port, requests[start::connections], ends, load, keep) for start in range(connections))
    )
    load.seconds = time.perf_counter() - begun
    return load


async def steady(port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int) -> Load:
    """Requests at a constant rate, whether or not earlier ones are answered; bodies are kept."""
    load = Load()
    queue: asyncio.Queue[tuple[bytes, float] | None] = asyncio.Queue()
    callers = [asyncio.create_task(_served(port, queue, load)) for _ in range(connections)]
    begun = time.perf_counter()
    for index in range(int(rate * seconds)):
        due = begun + index / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        queue.put_nowait((requests[index % len(requests)], due))
    for _ in callers:
        queue.put_nowait(None)
    await asyncio.gather(*callers)
    load.seconds = time.perf_counter() - begun
    return load


async def _caller(port: int, requests: Sequence[bytes], ends: float, load: Load, keep: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    index = 0
    while time.perf_counter() < ends:
        await _exchange(reader, writer, requests[index % len(requests)], time.perf_counter(), load, keep)
        index += 1
    writer.close()


async def _served(port: int, queue: asyncio.Queue[tuple[bytes, float] | None], load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (job := await queue.get()) is not None:
        await _exchange(reader, writer, job[0], job[1], load, keep=True)
    writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, since: float, load: Load, keep: bool
) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    start = head.lower().index(b"content-length:") + 15
    body = await reader.readexactly(int(head[start : head.index(b"\r", start)]))
    load.latencies_s.append(time.perf_counter() - since)
    if head[9:10] == b"2":
        load.answered += 1
    else:
        load.refused += 1
    if keep:
        load.bodies.append(body)
