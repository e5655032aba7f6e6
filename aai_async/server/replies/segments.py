"""
Sentences and paragraphs of finished words, by punctuation, pauses, speakers and length.

Pure functions: every word lands in exactly one segment, in order. The service documents its own splitting as
heuristic, so ours need only be sensible.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from aai_async._language.sentences import sentence_ends
from aai_async._language.word_boundaries import word_boundaries
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.transcript import Document, Speech, mean_confidence
from aai_async.server.replies.wording import gaps, joined, joined_texts

SENTENCE_PAUSE: Final = 1500
"""ms of silence that end a sentence, punctuation or not."""

PARAGRAPH_PAUSE: Final = 2500
"""ms of silence that end a paragraph."""

LONGEST_SENTENCE: Final = 64
"""Words."""

LONGEST_PARAGRAPH: Final = 120
"""Words after which the next sentence opens a new paragraph."""


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
        for words in split_sentences(speech.words, speech.language_code)
    ]
    return {**_head(speech), "sentences": found}


def paragraphs(speech: Speech) -> Document:
    """The body of `GET /v2/transcript/{id}/paragraphs`."""
    language_code = speech.language_code
    split = split_paragraphs(speech.words, language_code)
    found = [Paragraph(**_fields(words, language_code)) for words in split]
    return {**_head(speech), "paragraphs": found}


def split_sentences(
    words: Sequence[RecognizedWord], language_code: str | None = None
) -> list[list[RecognizedWord]]:
    """The words, sentence by sentence."""
    texts = [word.text for word in words]
    ends = sentence_ends(texts, gaps(texts, language_code), language_code)
    found: list[list[RecognizedWord]] = []
    for at, word in enumerate(words):
        if at == 0 or at - 1 in ends or _ends_sentence(found[-1], word, language_code):
            found.append([])
        found[-1].append(word)
    return found


def split_paragraphs(
    words: Sequence[RecognizedWord], language_code: str | None = None
) -> list[list[RecognizedWord]]:
    """The words, paragraph by paragraph; a paragraph is made of whole sentences."""
    found: list[list[RecognizedWord]] = []
    for sentence in split_sentences(words, language_code):
        if found and not _ends_paragraph(found[-1], sentence[0]):
            found[-1] += sentence
        else:
            found.append(list(sentence))
    return found


def _ends_sentence(
    words: Sequence[RecognizedWord], following: RecognizedWord, language_code: str | None
) -> bool:
    last = words[-1]
    return (
        last.speaker != following.speaker
        or following.start - last.end >= SENTENCE_PAUSE
        or (len(words) >= LONGEST_SENTENCE and _are_parted(last.text, following.text, language_code))
    )


def _are_parted(last: str, following: str, language_code: str | None) -> bool:
    """Whether two pieces of an engine are parts of different words."""
    pair = joined_texts([last, following], language_code)
    return " " in pair or len(last) in word_boundaries(pair, language_code)


def _ends_paragraph(words: Sequence[RecognizedWord], following: RecognizedWord) -> bool:
    last = words[-1]
    return (
        len(words) >= LONGEST_PARAGRAPH
        or last.speaker != following.speaker
        or following.start - last.end >= PARAGRAPH_PAUSE
    )


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
