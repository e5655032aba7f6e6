"""Words spelt as the caller wants them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.replies.spelling import respelt

RULES = [("sequel", "SQL"), ("k8s", "Kubernetes"), ("open A I", "OpenAI"), ("open", "Open"), ("a b", "c")]


def words(*texts: str, speaker: str | None = None) -> list[RecognizedWord]:
    return [
        RecognizedWord(text=text, start=at * 100, end=at * 100 + 90, confidence=at / 10, speaker=speaker)
        for at, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("I know Sequel.", "I know SQL."),
        ("(sequel), sequels", "(SQL), sequels"),
        ('"open a I!"', '"OpenAI!"'),
        ("open a door", "Open a door"),
        ("a b b", "c b"),
    ],
)
def test_words_are_respelt(said: str, written: str) -> None:
    """In any case, the longest phrase first, and the marks around stay."""
    assert " ".join(word.text for word in respelt(words(*said.split()), RULES)) == written


def test_a_phrase_becomes_one_word() -> None:
    """From its first start to its last end, as sure as its words were on average."""
    (word,) = respelt(words("Open", "a", "I."), RULES)
    assert (word.text, word.start, word.end) == ("OpenAI.", 0, 290)
    assert word.confidence == pytest.approx(0.1)


def test_no_phrase_reaches_from_one_speaker_to_another() -> None:
    """What two people say is no phrase."""
    said = words("a", speaker="A") + words("b", speaker="B")
    assert respelt(said, RULES) == tuple(said)


def test_languages_without_spaces() -> None:
    """A phrase is found across the pieces that the engine cut."""
    said = words("田", "中", "です")
    assert [word.text for word in respelt(said, [("田中", "Tanaka")], "ja")] == ["Tanaka", "です"]
    parted = words("—", "田", "—", "中", "。")
    assert respelt(parted, [("田中", "Tanaka")], "ja") == tuple(parted)


@pytest.mark.parametrize(
    ("language", "said", "rule", "written"),
    [
        # A word of the engine is parted where the dictionary of the language has a boundary.
        ("ja", ["東京タワー", "へ"], ("東京", "Tokyo"), ["Tokyo", "タワー", "へ"]),
        ("ja", ["東京都", "へ"], ("京都", "Kyoto"), ["東京都", "へ"]),
        ("zh", ["我们使用", "开源"], ("使用开源", "FOSS"), ["我们", "FOSS"]),
        ("zh", ["Smart", "手机"], ("art", "ART"), ["Smart", "手机"]),
        ("zh", ["open", "source", "软件"], ("open source", "FOSS"), ["FOSS", "软件"]),
        ("th", ["ผมชื่อ", "จอห์น"], ("ชื่อ", "X"), ["ผม", "X", "จอห์น"]),
        ("zh_tw", ["你", "好"], ("你好", "Hi"), ["Hi"]),
    ],
)
def test_phrases_are_found_in_what_is_written_without_spaces(
    language: str, said: list[str], rule: tuple[str, str], written: list[str]
) -> None:
    """Source of the words: ICU's dictionaries."""
    spelt = respelt(words(*said), [rule], language)
    assert [word.text for word in spelt] == written
    assert [spelt[0].start, spelt[-1].end] == [0, len(said) * 100 - 10]
    times = [time for word in spelt for time in (word.start, word.end)]
    assert times == sorted(times)


@given(st.lists(st.sampled_from(["open", "A", "I,", "b.", "sequel?", "—", "(a", "x"])))
def test_no_word_is_lost(texts: list[str]) -> None:
    """Words that no rule names are as before, and each moment that was spoken still is, spaces or none."""
    said = words(*texts)
    assert respelt(said, [], "ja") == tuple(said)
    written = respelt(said, RULES)
    kept = [word for word in written if word in said]
    assert {word.text for word in said if word.text in ("x", "—")} <= {word.text for word in kept}
    assert all(any(word.start <= old.start and old.end <= word.end for word in written) for old in said)
    assert [word.start for word in written] == sorted({word.start for word in written})
