"""
Finding words and phrases in finished words.

Pure: case, surrounding punctuation and the encoding of accents do not count; accents and order do.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from aai_async._language.scripts import UNSPACED_LANGUAGES, language_of
from aai_async.server.api_errors import RefusalError
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.transcript import Document, Speech
from aai_async.server.replies.wording import bare, caseless, joined_texts, laid_out, whole_words

LONGEST_PHRASE: Final = 5
"""Words (API reference, "Search words")."""


def terms_of(words: str | None) -> list[str]:
    """
    Return the comma-separated terms of the query value `words`.

    Raises:
        RefusalError: Status 400: there is no term, or a phrase is too long.
    """
    terms = [" ".join(term.split()) for term in (words or "").split(",")]
    found = list(dict.fromkeys(filter(None, terms)))
    if not found:
        raise RefusalError(400, "words must be a comma-separated list of words to search for")
    if any(len(term.split()) > LONGEST_PHRASE for term in found):
        raise RefusalError(400, f"words must contain phrases of up to {LONGEST_PHRASE} words")
    return found


def matches(speech: Speech, terms: Sequence[str]) -> Document:
    """Return the body of `GET /v2/transcript/{id}/word-search`; terms without a match are left out."""
    is_unspaced = language_of(speech.language_code) in UNSPACED_LANGUAGES
    find = _in_text(speech) if is_unspaced else _in_words(speech)
    found = [match for term in terms if (match := _match(term, find(term), speech.words))]
    total = sum(len(match["indexes"]) for match in found)
    return {"id": speech.id, "total_count": total, "matches": found}


def _match(
    term: str, spans: Sequence[tuple[int, int]], words: Sequence[RecognizedWord]
) -> dict[str, Any] | None:
    timestamps = [(words[first].start, words[last].end) for first, last in spans]
    indexes = [first for first, _ in spans]
    match = {"text": term, "count": len(indexes), "timestamps": timestamps, "indexes": indexes}
    return match if indexes else None


def _in_words(speech: Speech) -> Callable[[str], list[tuple[int, int]]]:
    """Return a search for phrases of whole words: the first and the last word of each match."""
    spoken = [_folded(word.text) for word in speech.words]

    def find(term: str) -> list[tuple[int, int]]:
        phrase = [_folded(part) for part in term.split()]
        last = len(phrase) - 1
        places = range(len(spoken) - last)
        return [(at, at + last) for at in places if spoken[at : at + last + 1] == phrase]

    return find


def _in_text(speech: Speech) -> Callable[[str], list[tuple[int, int]]]:
    """Return a search of the text, because an engine's words are not those of a language without spaces."""
    text, starts = laid_out([_folded(word.text) for word in speech.words], speech.language_code)

    def find(term: str) -> list[tuple[int, int]]:
        phrase = joined_texts([_folded(part) for part in term.split()], speech.language_code)
        spans = (match.span(1) for match in re.finditer(whole_words(phrase), text))
        return [(bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1) for start, end in spans]

    return find


def _folded(text: str) -> str:
    return caseless(bare(text).strip("'") or text)
