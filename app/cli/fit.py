"""`lrgd fit`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from app.cli.servers import servers
from app.fitting import FitReport, fit_and_publish
from app.log import configure_logging
from app.settings import Settings
from app.stores.catalogue import Catalogue
from app.stores.database import database_guard, open_engine
from app.stores.fits import Fits


def fit(quiet: Annotated[bool, typer.Option("--quiet", help="Log instead of printing.")] = False) -> None:
    """Fits the embedded ranker on everything in PostgreSQL and publishes it to the API processes."""
    settings = Settings()
    configure_logging(settings.log, settings.log_level)
    with servers(settings) as located:
        report = asyncio.run(fit_now(located))
    if quiet:
        return
    if report is None:
        Console().print("another process is fitting")
        raise typer.Exit(1)
    Console().print(
        f"{report.version}: {report.items:,} items, {report.interactions:,} interactions of {report.users:,} users; "
        f"read {report.read_s:.1f} s, fitted {report.fit_s:.1f} s, published {report.publish_s:.1f} s"
    )


async def fit_now(settings: Settings) -> FitReport | None:
    """One fit of the database of these settings; None when another process is fitting."""
    engine = open_engine(str(settings.database_url), pool_size=3)
    try:
        guard = database_guard()
        return await fit_and_publish(Catalogue(engine, guard), Fits(engine, guard), settings.artifact_folder)
    finally:
        await engine.dispose()
