"""
Finding words and phrases in finished words.

Pure: case and surrounding punctuation do not count, order does.
"""

from collections.abc import Sequence
from typing import Any, Final

from aai_async.server.api_errors import RefusalError
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.transcript import Document, Speech
from aai_async.server.replies.wording import bare

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
    spoken = [_folded(word.text) for word in speech.words]
    found = [match for term in terms if (match := _match(term, spoken, speech.words))]
    total = sum(len(match["indexes"]) for match in found)
    return {"id": speech.id, "total_count": total, "matches": found}


def _match(term: str, spoken: Sequence[str], words: Sequence[RecognizedWord]) -> dict[str, Any] | None:
    phrase = [_folded(part) for part in term.split()]
    length = len(phrase)
    indexes = [at for at in range(len(spoken) - length + 1) if spoken[at : at + length] == phrase]
    timestamps = [(words[at].start, words[at + length - 1].end) for at in indexes]
    match = {"text": term, "count": len(indexes), "timestamps": timestamps, "indexes": indexes}
    return match if indexes else None


def _folded(text: str) -> str:
    return bare(text).strip("'").casefold() or text
