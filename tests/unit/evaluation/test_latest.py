"""Which events of a user are the last ones."""

from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.latest import latest_events
from app.evaluation.source import Row

ROWS = st.lists(st.builds(Row, st.sampled_from("uv"), st.sampled_from("abc"), st.integers(0, 3)), max_size=30)


def test_time_decides_and_within_a_second_the_place() -> None:
    rows = [Row("u", "late", 9), Row("u", "x", 5), Row("v", "z", 1), Row("u", "y", 5), Row("u", "early", 1)]
    assert latest_events(rows, 1) == {"u": [Row("u", "late", 9)], "v": []}
    assert latest_events(rows, 2) == {"u": [Row("u", "y", 5), Row("u", "late", 9)], "v": []}


def test_everybody_keeps_the_oldest() -> None:
    rows = [Row("u", "a", 1), Row("u", "b", 2), Row("v", "a", 1)]
    assert latest_events(rows, 9) == {"u": [Row("u", "b", 2)], "v": []}
    assert latest_events(rows, 0) == {"u": [], "v": []}


@given(ROWS, st.integers(0, 4))
def test_what_is_held_at_a_time_changes_nothing(rows: list[Row], count: int) -> None:
    last_places = [row for place, row in enumerate(rows) if row not in rows[place + 1 :]]
    expected = {
        user: sorted((row for row in last_places if row.user_id == user), key=lambda row: row.at)[1:]
        for user in {row.user_id for row in rows}
    }
    found = latest_events(rows, count)
    assert found == {user: events[-count:] if count else [] for user, events in expected.items()}
    assert latest_events(sorted(rows, key=lambda row: row.at), count) == found, "a replay reads them sorted"
