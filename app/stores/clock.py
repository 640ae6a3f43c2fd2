"""Seconds and milliseconds since the epoch, as the moments that PostgreSQL keeps."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """The moment this many seconds after the epoch."""
    return _EPOCH + timedelta(seconds=seconds)


def moment_of_ms(milliseconds: int) -> datetime:
    """The moment this many milliseconds after the epoch, exactly; raises OverflowError after the year 9999."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def seconds(when: datetime) -> int:
    """Whole seconds since the epoch."""
    return int(when.timestamp())
