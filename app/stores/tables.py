"""The tables of PostgreSQL. Interactions and impressions are partitioned by month, see partitions.py."""

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
_MOMENT = DateTime(timezone=True)
_ID = Uuid(as_uuid=False)

items = Table(
    "items",
    metadata,
    Column("number", Integer, Identity(always=True), primary_key=True),
    Column("item_id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("brand", Text),
    Column("categories", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("price", Double),
    Column("description", Text),
    Column("updated_at", _MOMENT, nullable=False),  # ascends in commit order, see catalogue.py
    Column("deleted_at", _MOMENT),
    Index("items_updated_at", "updated_at"),
)

# The primary key answers both "is this a repeat" and "the newest events of a user". No foreign key: the log is written
# in bulk, items are only ever marked as deleted, and a fit leaves out what it does not know.
interactions = Table(
    "interactions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("occurred_at", _MOMENT, primary_key=True),
    Column("item", Integer, primary_key=True, autoincrement=False),  # items.number
    Column("kind", SmallInteger, primary_key=True),  # EventKind.code
    Column("recorded_at", _MOMENT, nullable=False, server_default=func.now()),
    Index("interactions_recorded_at", "recorded_at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (occurred_at)",
)

impressions = Table(
    "impressions",
    metadata,
    Column("impression_id", _ID, primary_key=True),  # a UUID version 7: served_at is the millisecond inside it
    Column("served_at", _MOMENT, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("candidates", ARRAY(Integer), nullable=False),  # item numbers, best first
    Column("shown", SmallInteger, nullable=False),
    Column("history", ARRAY(Integer), nullable=False),  # item numbers, oldest first
    Column("served_by", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("path", SmallInteger),
    Column("propensity", REAL),
    Column("demonstrations", JSONB(none_as_null=True)),  # [{path, demonstration_id, version}]
    Column("degraded_reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("as_of", _MOMENT),  # the moment the caller asked to rank as of
    Column("closed_at", _MOMENT),  # when it got its first outcome, "none" included
    Index("impressions_user_id", "user_id"),
    Index("impressions_open", "served_at", postgresql_where=text("closed_at IS NULL")),
    postgresql_partition_by="RANGE (served_at)",
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("impression_id", _ID, primary_key=True),
    Column("item_id", Text, primary_key=True),  # empty for the event "none"
    Column("event", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    Column("received_at", _MOMENT, nullable=False),
    Column("path", SmallInteger),
    Column("position", REAL),
    Column("effect", REAL),
    Column("control_effect", REAL),
    Column("gain", REAL),
    Column("effects", JSONB(none_as_null=True)),  # [{path, effect, gain}]
    Column("value", Double),
    Column("served_by", Text, nullable=False),
    Column("model", Text, nullable=False),
    Index("outcomes_user_id_at", "user_id", "at"),
)

demonstrations = Table(
    "demonstrations",
    metadata,
    Column("demonstration_id", _ID, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("path", SmallInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("parent_id", _ID),
    Column("perspective", Text, nullable=False),
    Column("lines", JSONB, nullable=False),  # [[sample, label, weight, born_at]], strongest first
    Column("words", ARRAY(Text), nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Index("demonstrations_user_id", "user_id"),
)

path_rounds = Table(
    "path_rounds",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("path", SmallInteger, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("demonstration_id", _ID, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("effect", REAL),
    Column("control_effect", REAL),
    Column("gain", REAL),
    Column("similarity", REAL),
    Column("details", JSONB(none_as_null=True)),
    Column("at", _MOMENT, nullable=False),
)

collapses = Table(
    "collapses",
    metadata,
    Column("collapse_id", _ID, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("path", SmallInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("similarity", REAL),
    Column("margin", REAL),
    Column("baseline", REAL),
    Column("source_path", SmallInteger),
    Column("source_demonstration_id", _ID),
    Column("detected_at", _MOMENT, nullable=False),
    Column("resolved_at", _MOMENT),
    Column("outcome", Text),
    Index("collapses_user_id", "user_id"),
)

fits = Table(
    "fits",
    metadata,
    Column("version", Text, primary_key=True),
    Column("started_at", _MOMENT, nullable=False),
    Column("finished_at", _MOMENT, nullable=False),
    Column("items", Integer, nullable=False),
    Column("interactions", BigInteger, nullable=False),
    Column("as_of", _MOMENT),  # the newest interaction it has seen
    Column("read_at", _MOMENT, nullable=False),  # what was recorded before this moment is in it
)
