"""The first tables."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    _items()
    _interactions()
    _impressions()
    _outcomes()
    _paths()
    _collapses()
    _fits()


def downgrade() -> None:
    for table in (
        "fits",
        "collapses",
        "path_rounds",
        "demonstrations",
        "outcomes",
        "impressions",
        "interactions",
        "items",
    ):
        op.drop_table(table)


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("number", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("brand", sa.Text),
        sa.Column("categories", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("price", sa.Double),
        sa.Column("description", sa.Text),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.Index("items_updated_at", "updated_at"),
    )


def _interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("occurred_at", MOMENT, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("recorded_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Index("interactions_recorded_at", "recorded_at", postgresql_using="brin"),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    # twenty years of imported past are one partition; the months from now on have one each, made when they are needed
    month = datetime.now(UTC).strftime("%Y-%m-01 00:00:00+00")
    op.execute(f"CREATE TABLE interactions_past PARTITION OF interactions FOR VALUES FROM (MINVALUE) TO ('{month}')")


def _impressions() -> None:
    op.create_table(
        "impressions",
        sa.Column("impression_id", ID, primary_key=True),
        sa.Column("served_at", MOMENT, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("candidates", sa.ARRAY(sa.Integer), nullable=False),
        sa.Column("shown", sa.SmallInteger, nullable=False),
        sa.Column("history", sa.ARRAY(sa.Integer), nullable=False),
        sa.Column("served_by", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("path", sa.SmallInteger),
        sa.Column("propensity", sa.REAL),
        sa.Column("demonstrations", JSONB),
        sa.Column("degraded_reasons", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("as_of", MOMENT),
        sa.Column("closed_at", MOMENT),
        sa.Index("impressions_user_id", "user_id"),
        sa.Index("impressions_open", "served_at", postgresql_where=sa.text("closed_at IS NULL")),
        postgresql_partition_by="RANGE (served_at)",
    )


def _outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("impression_id", ID, primary_key=True),
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("path", sa.SmallInteger),
        sa.Column("position", sa.REAL),
        sa.Column("effect", sa.REAL),
        sa.Column("control_effect", sa.REAL),
        sa.Column("gain", sa.REAL),
        sa.Column("effects", JSONB),
        sa.Column("value", sa.Double),
        sa.Column("served_by", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Index("outcomes_user_id_at", "user_id", "at"),
    )


def _paths() -> None:
    op.create_table(
        "demonstrations",
        sa.Column("demonstration_id", ID, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("path", sa.SmallInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("parent_id", ID),
        sa.Column("perspective", sa.Text, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("words", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Index("demonstrations_user_id", "user_id"),
    )
    op.create_table(
        "path_rounds",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("path", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("demonstration_id", ID, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("effect", sa.REAL),
        sa.Column("control_effect", sa.REAL),
        sa.Column("gain", sa.REAL),
        sa.Column("similarity", sa.REAL),
        sa.Column("details", JSONB),
        sa.Column("at", MOMENT, nullable=False),
    )


def _collapses() -> None:
    op.create_table(
        "collapses",
        sa.Column("collapse_id", ID, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("path", sa.SmallInteger, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("similarity", sa.REAL),
        sa.Column("margin", sa.REAL),
        sa.Column("baseline", sa.REAL),
        sa.Column("source_path", sa.SmallInteger),
        sa.Column("source_demonstration_id", ID),
        sa.Column("detected_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT),
        sa.Column("outcome", sa.Text),
        sa.Index("collapses_user_id", "user_id"),
    )


def _fits() -> None:
    op.create_table(
        "fits",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("interactions", sa.BigInteger, nullable=False),
        sa.Column("as_of", MOMENT),
        sa.Column("read_at", MOMENT, nullable=False),
    )
