"""A parent process that runs the bundled servers, for tests that kill it, and what they wrote and left running."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import redis

from app.embedded import EmbeddedServers
from app.embedded.home import Home
from app.embedded.process import leftovers

# Starts the servers, says so, and stays until it is killed. Loaded before it drops to the given user, if any.
PARENT = """
import os, signal, sys
from pathlib import Path
from app.embedded import embedded_servers
"".encode("idna")  # what Python loads late, it may not be allowed to read later
if len(sys.argv) > 2:
    os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
try:
    with embedded_servers(Path(sys.argv[1])) as servers:
        print(servers.redis_url, servers.database_url, flush=True)
        signal.pause()
except KeyboardInterrupt:
    print("stopped")
"""


def client(servers: EmbeddedServers) -> redis.Redis:
    return redis.Redis.from_url(servers.redis_url, decode_responses=True)


def connect(servers: EmbeddedServers) -> psycopg.Connection:
    return psycopg.connect(servers.database_url.replace("+psycopg", ""), autocommit=True)


def write(servers: EmbeddedServers) -> None:
    with client(servers) as store:
        store.set("kept", "yes")
    with connect(servers) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")


def read(servers: EmbeddedServers) -> tuple[object, object]:
    with client(servers) as store, connect(servers) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
        return store.get("kept"), row[0] if row else None


def running(home: Path) -> list[psutil.Process]:
    return leftovers(Home(root=home.resolve(), account=None).data_folders)


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


@contextmanager
def parent_of(home: Path, *user: str) -> Iterator[tuple[subprocess.Popen[str], EmbeddedServers]]:
    """A process that runs the servers, and where they listen; killed at the end if it still lives."""
    with starting(home, *user) as parent:
        assert parent.stdout is not None
        redis_url, database_url = parent.stdout.readline().split()
        yield parent, EmbeddedServers(redis_url=redis_url, database_url=database_url)


@contextmanager
def starting(home: Path, *user: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PARENT, str(home), *user]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        try:
            yield parent
        finally:
            parent.kill()
