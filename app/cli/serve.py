"""`lrgd serve`."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from app.cli.orphan import leave_with_parent
from app.cli.servers import servers
from app.errors import StartupError
from app.log import configure_logging
from app.main import create_app
from app.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default LRGD_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default LRGD_PORT.")] = None,
) -> None:
    """Runs the API in this process, on the servers of the settings or of a running demo, or else on embedded ones."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]
    configure_logging(settings.log, settings.log_level)
    leave_with_parent()
    if settings.auth == "keys" and not settings.api_keys:
        raise StartupError("LRGD_API_KEYS is empty: make a key with `lrgd key serve`, or set LRGD_AUTH=off on loopback")
    with servers(settings) as located:
        _run(located)


def _run(settings: Settings) -> None:
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
