"""Whisper's pieces become whole words in integer milliseconds, one after another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engines.words import Piece, join_pieces, lay_out, within_sound


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


@pytest.mark.parametrize(
    ("word", "placed"),
    [
        ((1.0, 2.0), (1.0, 2.0)),
        ((2.5, 3.6), (2.5, 3.0)),
        ((3.2, 3.8), (2.96, 3.0)),
        ((6.9, 7.5), (8.0, 8.04)),
        ((7.5, 9.0), (8.0, 9.0)),
        ((0.1, 12.0), (8.0, 12.0)),
    ],
)
def test_a_word_lies_where_there_is_sound(word: tuple[float, float], placed: tuple[float, float]) -> None:
    """Nobody says anything in a gap: a word that Whisper puts there is said before or behind it."""
    (found,) = within_sound([Piece("so", *word, 0.9)], [(0.0, 3.0), (8.0, 12.0)])
    assert (found.start, found.end) == pytest.approx(placed)


spans = st.lists(st.floats(0.01, 5), min_size=2, max_size=12).map(
    lambda lengths: [(sum(lengths[: 2 * at]), sum(lengths[: 2 * at + 1])) for at in range(len(lengths) // 2)]
)


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 3)), max_size=12), spans)
def test_words_in_the_sound_stay_in_order(
    times: list[tuple[float, float]], sound: list[tuple[float, float]]
) -> None:
    """Whatever Whisper reports, each word is kept, in its place in the order, and within one span."""
    words = [Piece(str(at), start, start + length, 0.5) for at, (start, length) in enumerate(sorted(times))]
    found = within_sound(words, sound)
    assert [word.text for word in found] == [word.text for word in words]
    starts = [word.start for word in found]
    assert starts == sorted(starts)
    for word in found:
        assert any(start - 1e-6 <= word.start <= word.end <= end + 1e-6 for start, end in sound)


def test_without_sound_nothing_is_moved() -> None:
    """Silence has no place that is better."""
    words = [Piece("a", 1.0, 2.0, 0.5)]
    assert within_sound(words, []) == words
