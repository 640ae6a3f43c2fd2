"""`lrgd key`."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Literal

import typer

SCOPES = ("serve", "ingest", "admin")


def key(
    scopes: Annotated[list[Literal["serve", "ingest", "admin"]], typer.Argument(help="What the key may do.")],
) -> None:
    """Makes an API key: the key for the client, and the entry for LRGD_API_KEYS."""
    made = f"lrgd_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(made.encode()).hexdigest()
    typer.echo(f"X-API-Key: {made}")
    typer.echo(f"LRGD_API_KEYS={'+'.join(sorted(set(scopes), key=SCOPES.index))}:{digest}")
