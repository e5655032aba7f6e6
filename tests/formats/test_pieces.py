"""The pieces between which a subtitle is broken are the same in the short way for plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._language.line_breaks import line_breaks
from aai_async.formats import _line_layout as module
from aai_async.formats._line_layout import pieces_of
from aai_async.formats._turns import Spoken

_WORD = st.from_regex(r"[A-Za-z0-9']{1,8}[.,;:!?]{0,2}", fullmatch=True)
_LANGUAGES = st.sampled_from(["en", "de", "fr", "ja"])


def spoken(texts: list[str], gap: str = " ") -> list[Spoken]:
    return [Spoken(text, at * 300, at * 300 + 250, gap=gap if at else "") for at, text in enumerate(texts)]


def never(_: str) -> bool:
    return False


@given(st.lists(_WORD, min_size=1, max_size=12), _LANGUAGES, st.integers(3, 50), st.sampled_from(["", " "]))
def test_plain_words_have_the_pieces_that_a_search_for_breaks_finds(
    texts: list[str], language: str, chars: int, gap: str
) -> None:
    words = spoken(texts, gap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "breaks_at_spaces", never)
        searched = pieces_of(words, language, chars)
    assert pieces_of(words, language, chars) == searched


def test_plain_words_need_no_search_for_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took most of the CPU time of the subtitles of a long recording."""
    searched = list[str]()

    def search(text: str, *arguments: object) -> object:
        searched.append(text)
        return line_breaks(text, *arguments)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(module, "line_breaks", search)
    pieces_of(spoken(["He", "was", "not", "an", "ill-disposed", "young", "man."]), "en", 42)
    pieces_of(spoken(["He", "was", "not", "ill,", "Mr.", "Dashwood."]), "en", 42)
    assert searched == ["He was not an ill-disposed young man."]
