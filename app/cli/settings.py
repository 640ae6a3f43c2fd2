"""`lrgd settings`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from app.stores.database import without_password

SECRET = frozenset({"api_keys"})


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table, for the documentation.")] = False,
) -> None:
    """Lists every setting with its value, default and meaning."""
    current = Settings()
    rows = [
        (f"LRGD_{name.upper()}", _shown(name, getattr(current, name)), _shown("", each.default), each.description or "")
        for name, each in Settings.model_fields.items()
    ]
    if markdown:
        typer.echo("| setting | default | meaning |\n|---|---|---|")
        for name, _, default, meaning in rows:
            typer.echo(f"| `{name}` | {default} | {meaning} |")
        return
    table = Table("setting", "value", "default", "meaning")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _shown(name: str, value: object) -> str:
    if value is None or value == "":
        return "-"
    if name in SECRET:
        return "(set)"
    if name.endswith("_url"):
        return without_password(str(value))
    return str(value)
