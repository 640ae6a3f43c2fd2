"""The migrations: there and back, equal to the tables, safe when several processes start at once."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from app.errors import StartupError, StoreDown
from app.stores import schema
from app.stores.database import database_url as with_driver
from app.stores.database import open_sync_engine
from app.stores.partitions import ensure_months, is_partition, month_of, months_between
from app.stores.tables import metadata

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def tables(url: str) -> set[str]:
    with open_sync_engine(url).connect() as connection:
        return {name for name in inspect(connection).get_table_names() if not is_partition(name)}


def partitions(url: str) -> set[str]:
    with open_sync_engine(url).connect() as connection:
        return {name for name in inspect(connection).get_table_names() if is_partition(name)}


def test_there_and_back_and_there_again(empty_database_url: str) -> None:
    url = empty_database_url
    assert schema.current(url) is None
    schema.upgrade(url)
    assert schema.current(url) == schema.head()
    assert tables(url) == {*metadata.tables, "alembic_version"}
    schema.downgrade(url, "base")
    assert schema.current(url) is None
    assert tables(url) == {"alembic_version"}
    assert partitions(url) == set()
    schema.upgrade(url)
    assert schema.current(url) == schema.head()


def test_upgrading_works_from_any_folder(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    schema.upgrade(empty_database_url)
    assert schema.current(empty_database_url) == schema.head()


def test_the_migrations_make_the_tables(database_url: str) -> None:
    def wanted(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name is not None and is_partition(name))

    with open_sync_engine(database_url).connect() as connection:
        ensure_months(connection, date(2030, 1, 1), date(2030, 2, 1))
        context = MigrationContext.configure(connection, opts={"include_name": wanted, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_processes_that_start_together_upgrade_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(schema.upgrade, [empty_database_url] * 3))
    assert schema.current(empty_database_url) == schema.head()


def test_a_server_that_is_not_there_is_named(empty_database_url: str) -> None:
    for ask in (schema.upgrade, schema.current, lambda url: schema.downgrade(url, "base")):
        with pytest.raises(StoreDown, match="postgresql is down"):
            ask(NOWHERE)


def test_only_postgresql_will_do() -> None:
    assert with_driver("postgres://u:p%40@h:5433/d") == "postgresql+psycopg://u:p%40@h:5433/d"
    for url in ("sqlite:///x", "not a url"):
        with pytest.raises(StartupError):
            with_driver(url)


def test_the_imported_past_is_one_partition_and_each_month_from_now_another(database_url: str) -> None:
    with open_sync_engine(database_url).begin() as connection:
        ensure_months(connection, date(1999, 1, 1), date(1999, 6, 1))
    assert "interactions_past" in partitions(database_url)
    assert not any(name.startswith("interactions_19") for name in partitions(database_url))
    this_month = month_of(datetime.now(UTC))
    with open_sync_engine(database_url).begin() as connection:
        ensure_months(connection, this_month, this_month)
    assert f"interactions_{this_month:%Y_%m}" in partitions(database_url)


def test_months_are_made_once_by_many(database_url: str) -> None:
    def make(zone: str) -> None:
        with open_sync_engine(database_url).begin() as connection:
            connection.execute(text("SELECT set_config('timezone', :zone, false)"), {"zone": zone})
            ensure_months(connection, date(2031, 11, 1), date(2032, 1, 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, ["UTC", "Asia/Tokyo", "America/New_York", "UTC"]))
    made = {name for name in partitions(database_url) if "2031" in name or "2032" in name}
    months = ("2031_11", "2031_12", "2032_01")
    assert made == {f"{table}_{month}" for table in ("interactions", "impressions") for month in months}


def test_months_between() -> None:
    assert months_between(date(2025, 11, 30), date(2026, 2, 1)) == [
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert month_of(datetime(2026, 3, 1, tzinfo=UTC)) == date(2026, 3, 1)
