"""Where lines can be broken, which words there are, and how wide and in which direction they are written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._language import line_breaks as module
from aai_async._language import word_boundaries as words_module
from aai_async._language.line_breaks import line_breaks
from aai_async._language.scripts import columns, default_gap, is_right_to_left, isolated
from aai_async._language.word_boundaries import word_boundaries


def lines(text: str, language: str) -> list[str]:
    places = [0, *sorted(line_breaks(text, language, ()).possible)]
    return [
        text[begin:end] for begin, end in zip(places, [*places[1:], len(text)], strict=True) if begin < end
    ]


@pytest.fixture(params=["with ICU", "without ICU"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "without ICU":
        monkeypatch.setattr(module, "_breaker", lambda: None)
        monkeypatch.setattr(words_module, "_breaker", lambda: None)
    return str(request.param)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("text", ["「はい」と、きゃりーは言った。", "ヴァイオリン、コーヒー？", "（東京）々"])
def test_no_line_of_japanese_begins_with_a_small_kana_or_a_mark(text: str) -> None:
    """
    Kinsoku: neither do closing brackets begin one, nor opening ones end one.

    Source: W3C, Requirements for Japanese Text Layout, sections 3.1.7 and 3.1.8.
    """
    for line in lines(text, "ja"):
        assert line[0] not in "、。？」）ゃャァィーッ々"
        assert line[-1] not in "「（"


@pytest.mark.usefixtures("either")
def test_a_line_is_broken_at_spaces_and_not_within_latin_words() -> None:
    assert lines("a well worn word", "en") == ["a ", "well ", "worn ", "word"]
    assert "Open" in "".join(lines("使用Open软件", "zh"))
    assert [line for line in lines("使用Open软件", "zh") if "Open" in line] == ["Open"]


@given(st.from_regex(module._PLAIN, fullmatch=True), st.sampled_from(["en", "de", "ja", "th", "zh"]))
def test_plain_text_is_broken_as_by_icu(text: str, language: str) -> None:
    """Letters, digits and punctuation of ASCII are not given to ICU, which would take most of the time."""
    breaker = module._breaker()
    assert breaker is not None
    assert line_breaks(text, language, ()).possible == module._places(breaker(text, f"{language}@lb=strict"))


def test_thai_is_broken_between_words() -> None:
    """ICU's dictionary: Royal Institute, hello is สวัสดี, a polite particle ครับ."""
    assert lines("สวัสดีครับ", "th") == ["สวัสดี", "ครับ"]


def test_thai_is_broken_between_the_words_of_the_engine_without_icu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_breaker", lambda: None)
    assert line_breaks("สวัสดีครับ", "th", [0, 6]).possible == {6}


@pytest.mark.usefixtures("either")
@given(st.text("aé \u0301\u200d👩👧東京、。「」กำครับ한글", max_size=12))
def test_no_grapheme_cluster_is_split(text: str) -> None:
    """A combining character stays with the one before, by UAX #29."""
    for place in line_breaks(text, "ja", range(len(text))).possible - {len(text)}:
        is_alone = place == 0 or text[place - 1].isspace()
        assert is_alone or unicodedata.category(text[place])[0] != "M"


def test_words_of_languages_without_spaces_are_those_of_a_dictionary() -> None:
    """ICU's: 東京 is a word of 東京都."""
    assert word_boundaries("東京都に", "ja") >= {2, 3}
    assert 1 not in word_boundaries("東京都に", "ja")


def test_each_character_is_a_word_without_icu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "_breaker", lambda: None)
    assert word_boundaries("東京Open", "ja") == {1, 2}


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("東京", 4),
        ("カナ", 4),
        ("ｶﾅ", 2),
        ("한글", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("👩", 2),
        ("สวัสดี", 4),
    ],
)
def test_wide_characters_take_two_columns(text: str, width: int) -> None:
    """Source: Unicode, East Asian Width; combining characters take none."""
    assert columns(text) == width


@pytest.mark.parametrize(
    ("language", "before", "after", "gap"),
    [
        ("en", "a", "b", " "),
        ("ko", "안녕", "하세요", " "),
        ("zh", "我们", "使用", ""),
        ("zh", "Open", "Source", " "),
        ("zh", "使用", "Open", ""),
        ("zh_tw", "你", "好", ""),
        ("zh", "OK", ",", ""),
        ("zh", "(", "OK", ""),
        ("th", "ผม", "ชื่อ", ""),
        (None, "a", "b", " "),
        ("en", "", "a", ""),
    ],
)
def test_the_language_decides_where_no_text_is_known(
    language: str | None, before: str, after: str, gap: str
) -> None:
    assert default_gap(before, after, language) == gap


def test_a_name_does_not_decide_the_direction_of_a_line() -> None:
    """By UAX #9, a paragraph has the direction of its first strong character outside of isolates."""
    assert is_right_to_left("1. שלום") is True
    assert is_right_to_left("Hello שלום") is False
    assert is_right_to_left("12:30") is None
    assert isolated("Speaker A", "שלום") == "\u2068Speaker A\u2069"
    assert isolated("דוד", "שלום") == "דוד"
    assert isolated("Speaker A", "Hello") == "Speaker A"
