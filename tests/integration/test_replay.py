"""`lrgd replay` against a running API and running workers on the sample shop."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.cli import command_line
from app.cli.bench.workbench import Workbench, free_port, loaded
from app.cli.fit import fit_now
from app.cli.servers import environment
from app.errors import StartupError
from app.sample import write_shop
from app.settings import Settings

USERS = 6
WORKBENCH = Workbench(Console(stderr=True))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop", now=int(time.time()))


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, database_url: str, shop: Path) -> Settings:
    own = own_settings(tmp_path, redis_url, database_url)
    asyncio.run(loaded(own, shop))
    return own


def own_settings(tmp_path: Path, redis_url: str, database_url: str) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    port = free_port()
    return Settings(home=home, redis_url=redis_url, database_url=database_url, artifacts=None, port=port, auth="off")


@contextmanager
def learning_service(settings: Settings) -> Iterator[str]:
    with WORKBENCH.api(settings) as url, WORKBENCH.child(settings, "work"):
        yield url


def replay(folder: Path, url: str, *more: str) -> Result:
    arguments = ["replay", str(folder), "--users", str(USERS), "--url", url, *more]
    return CliRunner().invoke(command_line(arguments), arguments)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Ratings of as many users, eight each, newest first, two of them in the last second."""
    folder = tmp_path / "films"
    folder.mkdir()
    ratings = [
        f"{user}::{3 * user + place}::5::{978300000 + 60 * min(place, 6)}"
        for user in range(1, USERS + 1)
        for place in (6, 7, 5, 4, 3, 2, 1, 0)
    ]
    (folder / "movies.dat").write_text("".join(f"{film}::Film {film} (1999)::Drama\n" for film in range(1, 41)))
    (folder / "ratings.dat").write_text("\n".join(ratings))
    return folder


def test_each_event_is_asked_told_and_learned(settings: Settings, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    with learning_service(settings) as url:
        first = replay(shop, url, "--json", str(file), "--arm", "control", "--arm", "path-1")
        assert first.exit_code == 0, first.output
        report = json.loads(file.read_text())
        again = replay(shop, url)
    assert report["left_out"] == {}
    assert report["failures"] == []
    assert [event["step"] for event in report["events"]] == [1, 2] * USERS
    for event in report["events"]:
        assert 1 <= event["position"] <= 50
        assert event["path"] in (0, 1, 2)
        assert 0 < event["propensity"] < 1
        assert event["gain"] == pytest.approx(event["effect"] - event["control_effect"])
        assert set(event["others"]) == {"control", "path-1"}
        if event["path"] == 1:
            assert event["others"]["path-1"] == event["position"]
    everything = report["summaries"]["all events"]
    assert everything["users"] == USERS
    assert everything["ndcg_10"]["mean"] > 0.2, "the shop's tastes can be learned"
    assert again.exit_code == 1, "who was replayed before is left out, and then nobody is left"
    assert f"left out {USERS} users: the service knows events" in again.stderr


def test_events_held_out_of_data_without_splits_are_replayed(
    films: Path, tmp_path: Path, redis_url: str, database_url: str
) -> None:
    settings = own_settings(tmp_path, redis_url, database_url)
    arguments = ["ingest", str(films), "--hold-out", "1"]
    taken = CliRunner().invoke(command_line(arguments), arguments, env=environment(settings))
    assert taken.exit_code == 0, taken.output
    assert f"{USERS} held out" in taken.stdout
    asyncio.run(fit_now(settings))
    file = tmp_path / "figures.json"
    with learning_service(settings) as url:
        more = replay(films, url, "--last", "2")
        result = replay(films, url, "--last", "1", "--json", str(file))
    assert more.exit_code == 1
    assert "--hold-out below --last" in more.stderr
    assert result.exit_code == 0, result.output
    report = json.loads(file.read_text())
    assert (report["left_out"], report["failures"]) == ({}, [])
    asked = {(event["user_id"], event["item_id"]) for event in report["events"]}
    assert asked == {(str(user), str(3 * user + 7)) for user in range(1, USERS + 1)}


def test_workers_that_do_not_run_are_named(settings: Settings, shop: Path) -> None:
    with WORKBENCH.api(settings) as url:
        result = replay(shop, url, "--patience", "1")
    assert isinstance(result.exception, StartupError)
    assert "sweeper" in result.exception.detail


def test_a_service_that_does_not_run_is_said(shop: Path) -> None:
    result = replay(shop, f"http://127.0.0.1:{free_port()}")
    assert isinstance(result.exception, StartupError)
    assert "lrgd demo" in result.exception.detail


def test_an_unknown_arm_is_refused(shop: Path) -> None:
    result = replay(shop, "http://127.0.0.1:1", "--arm", "best")
    assert result.exit_code == 2
    assert "path-0" in result.stderr
