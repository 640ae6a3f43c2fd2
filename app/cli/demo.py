"""`lrgd demo`: everything on one machine."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from app.cli.children import Children
from app.cli.fit import fit_now
from app.cli.ingest import ingest_folder
from app.cli.servers import servers
from app.embeddings import artifact
from app.errors import StartupError
from app.log import configure_logging
from app.sample import write_shop
from app.settings import Settings
from app.stores.catalogue import Catalogue
from app.stores.database import open_engine

READY_S = 60.0
LOOK_S = 0.05
LOADED = "loaded"  # a file in the home, made when the first data set is in the database to its end
_console = Console(stderr=True, highlight=False, soft_wrap=True)


def demo(
    data: Annotated[Path | None, typer.Option(help="A folder that `lrgd ingest` reads; default a sample shop.")] = None,
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
    home: Annotated[Path, typer.Option(help="Folder of servers, artifacts and logs; it is kept.")] = Path(".lrgd"),
) -> None:
    """Runs servers, API and workers on this machine until Ctrl-C; started again it goes on where it was."""
    settings = Settings(home=home.expanduser().resolve(), port=port, auth="off", host="127.0.0.1")
    configure_logging("console", "warning")
    signal.signal(signal.SIGTERM, _interrupt)
    _check_port(settings)
    begun = time.monotonic()
    try:
        with servers(settings, join=False) as located:
            _say(begun, f"Valkey and PostgreSQL run in {settings.home}")
            user, item = asyncio.run(_prepare(located, data, begun))
            with Children(located, _console) as children:
                model = _wait_ready(located, children)
                _say(begun, f"API and workers run, {model}; logs in {settings.home / 'log'}")
                _print_curls(located, user, item)
                children.watch()
    except KeyboardInterrupt:
        _console.print("stopped; the data stays for the next start")


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _check_port(settings: Settings) -> None:
    """Raises StartupError when the port is taken, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartupError(f"port {settings.port} is taken: choose another with --port") from error


async def _prepare(settings: Settings, data: Path | None, begun: float) -> tuple[str, str]:
    """Loads data when some is given or the catalogue is empty, and fits what is new; a user and an item to show."""
    engine = open_engine(str(settings.database_url), pool_size=3)
    try:
        catalogue = Catalogue(engine)
        stale = artifact.current_version(settings.artifact_folder) is None
        whole = settings.home / LOADED
        if data is not None or not whole.exists():
            folder = data or _sample(settings.home / "sample")
            loaded = await ingest_folder(folder, catalogue)  # again after an interruption: what is there stays
            whole.touch()
            _say(begun, f"{loaded.items:,} items and {loaded.interactions:,} new interactions from {folder}")
            stale = stale or loaded.interactions > 0
        if stale:
            _say(begun, "fitting")
            fitted = await fit_now(settings)
            if fitted is not None:
                _say(begun, f"fitted {fitted.items:,} items on {fitted.interactions:,} interactions")
        return await catalogue.example()
    finally:
        await engine.dispose()


def _sample(folder: Path) -> Path:
    """The bundled shop, written once and kept: `lrgd replay` reads the events that it holds out."""
    if not (folder / "eval_users.jsonl.gz").exists():
        fresh = folder.with_name("sample.new")
        shutil.rmtree(fresh, ignore_errors=True)
        write_shop(fresh, now=int(time.time()))
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return folder


def _wait_ready(settings: Settings, children: Children) -> str:
    deadline = time.monotonic() + READY_S
    with httpx.Client(base_url=f"http://{settings.host}:{settings.port}", timeout=2.0) as client:
        while time.monotonic() < deadline:
            children.check()
            try:
                answer = client.get("/readyz")
            except httpx.TransportError:
                time.sleep(LOOK_S)
                continue
            if answer.status_code == httpx.codes.OK:
                return f"{answer.json()['items']:,} items served"
            time.sleep(LOOK_S)
    raise StartupError(f"the API is not ready after {READY_S:.0f} s; see {children.log('api')}")


def _print_curls(settings: Settings, user: str, item: str) -> None:
    url = f"http://{settings.host}:{settings.port}"
    typer.echo(f"""
url={url} json='Content-Type: application/json'

# Recommend for a user, and keep the answer:
curl -sw '\\n' $url/recommend -H "$json" -d '{{"user_id": "{user}", "limit": 3}}' | tee answer.json

# Tell what became of it: the first item was bought.
python3 -c 'import json; a = json.load(open("answer.json"))
print(json.dumps(dict(impression_id=a["impression_id"], item_id=a["items"][0]["item_id"], event="purchase")))' |
curl -sw '\\n' $url/feedback -H "$json" -d @-

# What it taught, once the workers are through: the outcome with its effect against the control, and the user's paths.
sleep 1
curl -sw '\\n' $url/users/{user}/outcomes
curl -sw '\\n' $url/users/{user}/paths

# Recommend for somebody nobody knows, by what they have just looked at:
curl -sw '\\n' $url/recommend -H "$json" -d '{{"user_id": "you", "history": ["{item}"], "limit": 3}}'

Documentation: {url}/docs   Metrics: {url}/metrics   Inspect: .venv/bin/lrgd inspect {user}   Stop: Ctrl-C
""")


def _say(begun: float, text: str) -> None:
    _console.print(f"[{time.monotonic() - begun:5.1f} s] {text}", markup=False)
