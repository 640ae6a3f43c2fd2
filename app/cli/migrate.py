"""`lrgd migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.servers import servers
from app.settings import Settings
from app.stores import schema


def migrate(
    revision: Annotated[str, typer.Argument(help="A revision, 'head' for the newest, 'base' for none.")] = "head",
    down: Annotated[
        bool, typer.Option("--down", help="Go down to the revision instead of up; drops what is newer.")
    ] = False,
) -> None:
    """Brings the database's schema to a revision."""
    with servers(Settings()) as located:
        url = str(located.database_url)
        (schema.downgrade if down else schema.upgrade)(url, revision)
        typer.echo(f"schema at {schema.current(url) or 'base'}")
