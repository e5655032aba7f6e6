"""
Sentences and paragraphs of finished words, by punctuation, pauses, speakers and length.

Pure functions: every word lands in exactly one segment, in order. The service documents its own splitting as
heuristic, so ours need only be sensible.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.transcript import Document, Speech, mean_confidence
from aai_async.server.replies.wording import joined

SENTENCE_PAUSE: Final = 1500
"""ms of silence that end a sentence, punctuation or not."""

PARAGRAPH_PAUSE: Final = 2500
"""ms of silence that end a paragraph."""

LONGEST_SENTENCE: Final = 64
"""Words."""

LONGEST_PARAGRAPH: Final = 120
"""Words after which the next sentence opens a new paragraph."""

# After the ellipsis: ideographic, full width, Devanagari and Arabic ones.
_ENDS: Final = (".", "?", "!", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f")
# Quotation marks and brackets that may follow them.
_CLOSERS: Final = "\"'\u201d\u2019)]\u00bb\u300d\u300f"
_ABBREVIATIONS: Final = ("mr.", "mrs.", "ms.", "dr.", "prof.", "sr.", "jr.", "st.", "vs.", "no.", "gen.")


@attrs.frozen(kw_only=True)
class Paragraph:
    """API reference, `TranscriptParagraph`; times in ms."""

    text: str
    start: int
    end: int
    confidence: float
    words: Sequence[RecognizedWord]


@attrs.frozen(kw_only=True)
class Sentence(Paragraph):
    """API reference, `TranscriptSentence`."""

    speaker: str | None
    channel: str | None


def sentences(speech: Speech) -> Document:
    """The body of `GET /v2/transcript/{id}/sentences`."""
    found = [
        Sentence(**_fields(words, speech.language_code), speaker=words[0].speaker, channel=words[0].channel)
        for words in split_sentences(speech.words)
    ]
    return {**_head(speech), "sentences": found}


def paragraphs(speech: Speech) -> Document:
    """The body of `GET /v2/transcript/{id}/paragraphs`."""
    found = [Paragraph(**_fields(words, speech.language_code)) for words in split_paragraphs(speech.words)]
    return {**_head(speech), "paragraphs": found}


def split_sentences(words: Iterable[RecognizedWord]) -> list[list[RecognizedWord]]:
    """The words, sentence by sentence."""
    return _split([[word] for word in words], _ends_sentence)


def split_paragraphs(words: Iterable[RecognizedWord]) -> list[list[RecognizedWord]]:
    """The words, paragraph by paragraph; a paragraph is made of whole sentences."""
    return _split(split_sentences(words), _ends_paragraph)


def _split(
    pieces: Iterable[list[RecognizedWord]],
    ends: Callable[[Sequence[RecognizedWord], RecognizedWord], bool],
) -> list[list[RecognizedWord]]:
    found: list[list[RecognizedWord]] = []
    for piece in pieces:
        if found and not ends(found[-1], piece[0]):
            found[-1] += piece
        else:
            found.append(list(piece))
    return found


def _ends_sentence(words: Sequence[RecognizedWord], following: RecognizedWord) -> bool:
    last = words[-1]
    return (
        len(words) >= LONGEST_SENTENCE
        or last.speaker != following.speaker
        or following.start - last.end >= SENTENCE_PAUSE
        or _closes(last.text, following.text)
    )


def _ends_paragraph(words: Sequence[RecognizedWord], following: RecognizedWord) -> bool:
    last = words[-1]
    return (
        len(words) >= LONGEST_PARAGRAPH
        or last.speaker != following.speaker
        or following.start - last.end >= PARAGRAPH_PAUSE
    )


def _closes(text: str, following: str) -> bool:
    bare = text.rstrip(_CLOSERS)
    if not bare.endswith(_ENDS) or bare.lower() in _ABBREVIATIONS:
        return False
    # "e.g. this" and "3 p.m. today" go on; a full stop before a capital or a digit does not.
    return not (bare.endswith(".") and following[:1].islower())


def _fields(words: Sequence[RecognizedWord], language_code: str | None) -> dict[str, Any]:
    return {
        "text": joined(words, language_code),
        "start": words[0].start,
        "end": words[-1].end,
        "confidence": mean_confidence(words),
        "words": words,
    }


def _head(speech: Speech) -> Document:
    return {
        "id": speech.id,
        "confidence": speech.confidence,
        "audio_duration": speech.audio_duration,
        "speech_model_used": speech.speech_model_used,
    }
