"""The bundled Valkey and PostgreSQL, kept in one data folder: production's protocols without an installation.

    with embedded_servers(Path(".lrgd")) as servers:
        servers.redis_url, servers.database_url

Nothing outlives the `with` block; what a killed parent left running is stopped by the next start on the same folder.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.embedded.home import is_held, open_home
from app.embedded.postgres import postgres as run_postgres
from app.embedded.process import leftovers, stop
from app.embedded.valkey import valkey as run_valkey

__all__ = ["EmbeddedServers", "embedded_servers", "is_held"]


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """Where the servers listen; a server that was not asked for has an empty address."""

    redis_url: str
    database_url: str


@contextmanager
def embedded_servers(home: Path, *, redis: bool = True, postgres: bool = True) -> Iterator[EmbeddedServers]:
    """The asked-for servers, running on the data in `home` until the block ends.

    Raises StartupError when another process holds `home`, or with the end of a server's log when it does not start.
    """
    with ExitStack() as stack:
        place = stack.enter_context(open_home(home))
        stop(leftovers(place.data_folders))
        # PostgreSQL is entered last and so stopped first: it is the one that takes its time
        redis_url = stack.enter_context(run_valkey(place)) if redis else ""
        database_url = stack.enter_context(run_postgres(place)) if postgres else ""
        yield EmbeddedServers(redis_url=redis_url, database_url=database_url)
