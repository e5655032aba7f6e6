"""
Words as they are written down: cleaned, spelt, masked and redacted as the caller asked.

Pure functions over recognised words, in the order in which one builds on another.
"""

from collections.abc import Sequence
from functools import partial

from aai_async.server.engine import RecognizedWord
from aai_async.server.parameters import PROFANITY_LANGUAGES, Parameters
from aai_async.server.replies.profanity import masked
from aai_async.server.replies.redaction import Redaction, merged, redact
from aai_async.server.replies.spelling import respelt
from aai_async.server.replies.wording import unformatted, unpunctuated, without_fillers


def written(
    asked: Parameters, words: Sequence[RecognizedWord], language_code: str | None
) -> tuple[RecognizedWord, ...]:
    """Return the words as they are written where nothing is redacted."""
    return _spelt(asked, _cleaned(asked, words, language_code), language_code)


def redacted(asked: Parameters, words: Sequence[RecognizedWord], language_code: str | None) -> Redaction:
    """Redact the recognised words before spelling and masking, which could hide personal information."""
    find = partial(
        redact,
        policies=asked.redact_pii_policies or (),
        entities=asked.redact_static_entities,
        by_name=asked.redact_pii_sub == "entity_name",
        language_code=language_code,
    )
    said = find(_cleaned(asked, words, language_code))
    spelt = find(_spelt(asked, said.words, language_code))
    return Redaction(words=spelt.words, spans=merged((*said.spans, *spelt.spans)))


def can_filter_profanity(language_code: str | None) -> bool:
    """Whether profane words of a language are known; where none is spoken, nothing is left to do."""
    return language_code is None or language_code.partition("_")[0] in PROFANITY_LANGUAGES


def _cleaned(
    asked: Parameters, words: Sequence[RecognizedWord], language_code: str | None
) -> tuple[RecognizedWord, ...]:
    kept = tuple(words) if asked.keeps_disfluencies else without_fillers(words, language_code)
    if not asked.punctuate:
        kept = unpunctuated(kept)
    return kept if asked.format_text else unformatted(kept)


def _spelt(
    asked: Parameters, words: tuple[RecognizedWord, ...], language_code: str | None
) -> tuple[RecognizedWord, ...]:
    if asked.custom_spelling:
        rules = [(said, spelling.to) for spelling in asked.custom_spelling for said in spelling.said]
        words = respelt(words, rules, language_code)
    # A requested language was checked at submission. A detected one may be unsupported; the service then
    # leaves out the feature (documentation, "Unsupported feature behavior").
    if asked.filter_profanity and language_code is not None and can_filter_profanity(language_code):
        words = masked(words, language_code)
    return words
