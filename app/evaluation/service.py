"""The HTTP API as measuring uses it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from app.errors import StartupError

POLL_S = 0.05

Json = dict[str, Any]
T = TypeVar("T")


class Service:
    """A running service; raises httpx.HTTPError, and StartupError when nobody learns."""

    def __init__(self, client: httpx.AsyncClient, *, patience_s: float) -> None:
        self._client = client
        self._patience_s = patience_s

    async def model(self) -> str:
        """The version of the model that serves; raises StartupError when nothing does."""
        try:
            answer = await self._client.get("/readyz")
        except httpx.TransportError as error:
            raise StartupError(f"nothing answers at {self._client.base_url}: is `lrgd demo` running?") from error
        if answer.status_code != httpx.codes.OK:
            raise StartupError(f"the service at {self._client.base_url} is not ready: {answer.text[:200]}")
        return str(answer.json()["model"])

    async def stored_events(self, user_id: str) -> int:
        """How many events the service has of a user, once their memory is built."""

        async def look() -> int | None:
            answer = await self._client.get(f"/users/{quote(user_id, safe='')}/paths")
            if answer.status_code == httpx.codes.NOT_FOUND:
                return 0
            found = _body(answer)
            return None if found["building"] else int(found["events"])

        return await self._until(look, f"the memory of {user_id} is not built", "sweeper")

    async def recommend(self, body: Json) -> Json:
        """An answer of POST /recommend."""
        answer: Json = _body(await self._client.post("/recommend", json=body))
        return answer

    async def feedback(self, body: Json) -> None:
        """Tells what was chosen."""
        _body(await self._client.post("/feedback", json=body))

    async def outcome(self, user_id: str, impression_id: str) -> Json:
        """What was learned from an impression, once it is."""

        async def look() -> Json | None:
            answer = await self._client.get(f"/users/{quote(user_id, safe='')}/outcomes", params={"limit": 20})
            return next((each for each in _body(answer) if each["impression_id"] == impression_id), None)

        return await self._until(look, f"no outcome of impression {impression_id}", "scorer and recorder")

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str, workers: str) -> T:
        ends = time.monotonic() + self._patience_s
        while (found := await look()) is None:
            if time.monotonic() > ends:
                raise StartupError(
                    f"{what} after {self._patience_s:g} s: is `lrgd work` running? ({workers}; see its log)"
                )
            await asyncio.sleep(POLL_S)
        return found


def position_of(item_id: str, answer: Json) -> int | None:
    """The rank of an item in an answer."""
    return next((int(item["rank"]) for item in answer["items"] if item["item_id"] == item_id), None)


def _body(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    if answer.is_error:
        raise httpx.HTTPStatusError(
            f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: {answer.text[:200]}",
            request=answer.request,
            response=answer,
        )
    return answer.json()
