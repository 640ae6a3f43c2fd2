"""JSON of what travels through the streams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class UserNotice:
    """A message that is about a user and nothing else."""

    user_id: str


def pack(message: object) -> bytes:
    """The JSON of a message dataclass."""
    return orjson.dumps(message)


def unpack(kind: type[Message], body: bytes) -> Message:
    """The message in this JSON; raises pydantic.ValidationError where it is not one."""
    message: Message = _adapter(kind).validate_json(body)  # type: ignore[arg-type]  # a class is hashable
    return message


def pack_user(user_id: str) -> bytes:
    """The JSON of a notice about a user."""
    return pack(UserNotice(user_id))


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
