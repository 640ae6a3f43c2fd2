"""Commands as they are typed: what they print, what they store, and how they end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import make_url

from app.settings import Settings
from app.stores import messages
from app.stores.dead import DeadLetter
from app.stores.redis import DEAD, FEEDBACK

ITEMS = [{"item_id": f"i{number}", "title": f"Item {number}"} for number in range(30)]
ROWS = [f"u{user},i{(user * 7 + step * 3) % 30},{1_700_000_000 + step}" for user in range(40) for step in range(6)]

Finished = subprocess.CompletedProcess[str]


class Terminal:
    """Runs commands with settings from the environment only."""

    def __init__(self, home: Path, redis_url: str = "", database_url: str = "") -> None:
        given = {"HOME": home, "REDIS_URL": redis_url, "DATABASE_URL": database_url}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LRGD_")},
            **{f"LRGD_{name}": str(value) for name, value in given.items() if str(value)},
            "COLUMNS": "200",
        }

    def run(self, *words: str | Path, **more: str) -> Finished:
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *map(str, words)],
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def terminal(tmp_path: Path, redis_url: str, database_url: str) -> Terminal:
    """A terminal on servers of the test."""
    return Terminal(tmp_path, redis_url, database_url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "items.jsonl").write_text("".join(json.dumps(each) + "\n" for each in ITEMS))
    (data / "interactions.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"{row}\n" for row in ROWS))
    return data


def counted(terminal: Terminal, table: str) -> int:
    url = make_url(terminal.environment["LRGD_DATABASE_URL"]).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def complaint(done: Finished) -> str:
    """The one line that a foreseen error ends in."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("lrgd: ")]
    return line


def test_settings_are_listed_with_their_meaning_and_no_secret(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"key").hexdigest()
    given = {"LRGD_API_KEYS": f"serve:{digest}", "LRGD_DATABASE_URL": "postgresql://me:hidden@db/name"}
    done = Terminal(tmp_path).run("settings", **given)
    assert done.returncode == 0
    assert all(f"LRGD_{name.upper()}" in done.stdout for name in Settings.model_fields)
    assert digest not in done.stdout
    assert "hidden" not in done.stdout


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run("settings", LRGD_PORT="many")
    assert "LRGD_PORT" in complaint(done)
    done = Terminal(tmp_path).run("serve", LRGD_AUTH="off", LRGD_HOST="0.0.0.0")  # noqa: S104
    assert "loopback" in complaint(done)


def test_a_key_fits_its_entry(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run("key", "admin", "serve")
    assert done.returncode == 0
    found = re.fullmatch(r"X-API-Key: (\S+)\nLRGD_API_KEYS=(serve\+admin):([0-9a-f]{64})\n", done.stdout)
    assert found
    assert hashlib.sha256(found[1].encode()).hexdigest() == found[3]
    assert Settings(api_keys=f"{found[2]}:{found[3]}").api_keys


def test_keys_have_known_scopes(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run("key", "root")
    assert done.returncode == 2
    assert "root" in done.stderr


def test_a_database_is_brought_up_and_down(tmp_path: Path, redis_url: str, empty_database_url: str) -> None:
    terminal = Terminal(tmp_path, redis_url, empty_database_url)
    assert "schema at 0001" in terminal.run("migrate").stdout
    assert counted(terminal, "items") == 0
    assert "schema at 0001" in terminal.run("migrate").stdout
    assert terminal.run("migrate", "--down", "base").stdout == "schema at base\n"


def test_servers_that_are_not_there_are_named(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path, "redis://127.0.0.1:1/0", "postgresql://nobody@127.0.0.1:1/nothing")
    assert "postgresql is down" in complaint(nowhere.run("migrate"))
    assert "postgresql is down" in complaint(nowhere.run("fit"))
    assert "redis is down" in complaint(nowhere.run("work", "--dead"))
    assert "redis is down" in complaint(nowhere.run("work", "scorer"))


def test_data_are_taken_fitted_and_shown(terminal: Terminal, folder: Path) -> None:
    taken = terminal.run("ingest", folder)
    assert taken.returncode == 0
    assert taken.stdout.startswith("30 items, 240 new interactions of 40 users")
    assert terminal.run("ingest", folder).stdout.startswith("30 items, 0 new interactions")
    fitted = terminal.run("fit")
    assert fitted.returncode == 0
    assert "30 items, 240 interactions of 40 users" in fitted.stdout
    shown = terminal.run("inspect", "u3")
    assert shown.returncode == 0
    assert "u3, 6 events" in shown.stdout
    assert shown.stdout.count("Item ") == 6
    assert "nothing is known of user nobody" in complaint(terminal.run("inspect", "nobody"))


@pytest.mark.parametrize(
    ("file", "line", "place"),
    [
        ("items.jsonl", "{broken\n", "items.jsonl, line 31"),
        ("items.jsonl", '{"item_id": "x"}\n', "items.jsonl, line 31"),
        ("interactions.csv", "u1,i1,yesterday\n", "interactions.csv, line 242"),
        ("interactions.csv", "u1,i1\n", "interactions.csv, line 242"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_stored(
    terminal: Terminal, folder: Path, file: str, line: str, place: str
) -> None:
    with (folder / file).open("a") as stream:
        stream.write(line)
    assert place in complaint(terminal.run("ingest", folder))
    assert (counted(terminal, "items"), counted(terminal, "interactions")) == (0, 0)


def test_a_folder_without_data_is_told(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        assert str(folder) in complaint(terminal.run("ingest", folder))


def test_dead_letters_are_listed_and_driven_again(terminal: Terminal, redis_url: str) -> None:
    assert terminal.run("work", "--dead").stdout == "0 dead letters\n"
    letter = DeadLetter(
        FEEDBACK, "scorer", "1-0", "the body", "Traceback\nKeyError: 'what [red] happened'", 1_700_000_000
    )
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(DEAD, {"d": messages.pack(letter)})
        listed = terminal.run("work", "--dead").stdout
        assert "scorer  lrgd:stream:feedback" in listed
        assert "KeyError: 'what [red] happened'" in listed
        assert listed.endswith("1 dead letters\n")
        assert terminal.run("work", "--redrive").stdout == "1 dead letters put back on their streams\n"
        assert client.xlen(DEAD) == 0
        ((_, fields),) = client.xrange(FEEDBACK)
    assert fields == {b"d": b"the body"}
