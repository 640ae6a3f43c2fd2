"""Demonstrations as lines and in words."""

from __future__ import annotations

from app.domain.demonstration import (
    LINES_IN_WORDS,
    LINES_PER_DEMONSTRATION,
    NO_SAMPLE,
    Demonstration,
    make_lines,
)

TITLES = {1: "Tent", 2: "Lamp", 3: "Desk"}


def words(*rows: tuple[int, int, float, int]) -> list[str]:
    return Demonstration("d", 1, make_lines(rows)).in_words(TITLES.get)


def test_lines_read_as_sentences() -> None:
    assert words((1, 2, 0.9, 0), (NO_SAMPLE, 3, 0.5, 0)) == ["after Tent chose Lamp", "chose Desk"]


def test_a_negative_weight_is_an_aversion() -> None:
    assert words((NO_SAMPLE, 3, -0.5, 0), (1, 2, -0.1, 0)) == ["avoided Desk", "after Tent avoided Lamp"]


def test_lines_of_items_that_are_gone_are_left_out() -> None:
    assert words((9, 2, 0.9, 0), (1, 9, 0.8, 0), (NO_SAMPLE, 9, 0.7, 0), (NO_SAMPLE, 1, 0.6, 0)) == ["chose Tent"]


def test_the_strongest_come_first_whatever_their_sign_and_the_rest_is_cut() -> None:
    lines = make_lines([(NO_SAMPLE, number, (-1) ** number * float(number), 0) for number in range(1, 50)])
    assert len(lines) == LINES_PER_DEMONSTRATION
    assert lines["label"].tolist() == list(range(49, 49 - LINES_PER_DEMONSTRATION, -1))


def test_text_shows_the_strongest_lines_only() -> None:
    many = [(NO_SAMPLE, 1, 1.0 - number / 100, 0) for number in range(20)]
    assert len(words(*many)) == LINES_IN_WORDS


def test_no_lines_are_no_words() -> None:
    empty = Demonstration("d", 1, make_lines([]))
    assert (len(empty), empty.in_words(TITLES.get)) == (0, [])
