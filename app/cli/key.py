"""`lrgd key`."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import Annotated

import typer


class Scope(StrEnum):
    """What a key may do: rank and report, load data, erase users."""

    SERVE = "serve"
    INGEST = "ingest"
    ADMIN = "admin"


def key(
    scopes: Annotated[list[Scope], typer.Argument(help="What the key may do.")],
) -> None:
    """Makes an API key: the key for the client, and the entry for LRGD_API_KEYS."""
    made = f"lrgd_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(made.encode()).hexdigest()
    typer.echo(f"X-API-Key: {made}")
    typer.echo(f"LRGD_API_KEYS={'+'.join(scope for scope in Scope if scope in scopes)}:{digest}")
