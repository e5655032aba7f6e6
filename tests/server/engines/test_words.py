"""Whisper's pieces become whole words in integer milliseconds, one after another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engines.words import Piece, join_pieces, lay_out


def texts(raw: list[str], language: str = "en") -> list[str]:
    pieces = [Piece(text, index, index + 1, 0.5) for index, text in enumerate(raw)]
    return [word.text for word in join_pieces(pieces, language)]


@pytest.mark.parametrize(
    ("raw", "language", "words"),
    [
        ([" an", " ill", "-disposed", " man."], "en", ["an", "ill-disposed", "man."]),
        ([" 4", "%", " of", " $", "5"], "en", ["4%", "of", "$5"]),
        (["Begins", " without"], "en", ["Begins", "without"]),
        ([" - Yes", " ", "."], "fr", ["-Yes", "."]),
        (["今天", "天气", "。"], "zh", ["今天", "天气", "。"]),
        (["用", "i", "Phone", " 15", "打", "电话"], "zh", ["用", "iPhone", "15", "打", "电话"]),
        (["か", "\u3099"], "ja", ["か\u3099"]),
        (["ก", "ำ"], "th", ["ก", "ำ"]),
        ([" ", ""], "en", []),
        ([], "en", []),
    ],
)
def test_pieces_are_joined(raw: list[str], language: str, words: list[str]) -> None:
    """A piece without a leading space belongs to the one before, where the language has spaces."""
    assert texts(raw, language) == words


def test_joined_times_and_confidence() -> None:
    """A joined word spans its pieces, and is as certain as they are on average."""
    (word,) = join_pieces([Piece(" ill", 1.0, 1.5, 0.9), Piece("-disposed", 1.5, 2.0, 0.5)], "en")
    assert (word.start, word.end) == (1.0, 2.0)
    assert word.probability == pytest.approx(0.7)


pieces = st.builds(
    Piece,
    st.text(min_size=1, max_size=5),
    st.floats(-5, 40),
    st.floats(-5, 40),
    st.floats(-0.5, 1.5),
)


@given(words=st.lists(pieces, max_size=30), start=st.integers(0, 10_000), length=st.integers(1, 20_000))
def test_words_are_laid_out_in_order(words: list[Piece], start: int, length: int) -> None:
    """Whatever the pieces' times, words follow one another within the window."""
    placed = lay_out(words, start, start + length)
    assert [word.text for word in placed] == [word.text for word in words]
    times = [time for word in placed for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(start <= time <= start + length for time in times)
    assert length < len(placed) or all(word.start < word.end for word in placed)
    assert all(0 <= word.confidence <= 1 for word in placed)
