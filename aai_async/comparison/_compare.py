"""`compare`: two transcripts, or a text and a transcript."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

import attrs

from aai_async._arguments import checked_type
from aai_async._errors import OptionsError
from aai_async._language.scripts import language_of
from aai_async._models.transcript import Transcript
from aai_async.comparison._counts import ErrorCounts
from aai_async.comparison._normalization import (
    Normalization,
    Unit,
    check_installed,
    chosen,
    splitter,
    unit_of,
)
from aai_async.comparison._passages import Passage, aligned, passages
from aai_async.comparison._speakers import SpeakerPair, matched_speakers
from aai_async.comparison._words import text_of, tokens_of, words_of_text, words_of_transcript

_FEW_CHARACTERS = 10
"""Characters below which a text has no certain script."""

_FEW_WORDS = 20
"""Words below which few hits are no sign of another recording."""

_LENGTH_TOLERANCE = 2.0
"""Seconds by which the lengths of the same recording can differ in two files."""


@attrs.frozen(kw_only=True)
class Comparison:
    """What differs between a reference and a transcript."""

    counts: ErrorCounts
    """The errors in the order of the words, without regard to speakers."""

    speakers: tuple[SpeakerPair, ...]
    """
    The errors by speaker, if both sides have speakers. The rate of their total is the cpWER: a word of the
    wrong speaker is an error too.
    """

    passages: tuple[Passage, ...] = attrs.field(repr=False)
    """Both texts in order, in passages that are equal and passages that differ."""

    unit: Unit
    """
    What is counted. In languages without spaces between words it is characters, so the rate is a character
    error rate.
    """

    normalization: Normalization
    """The rules by which spelling is not an error."""

    warnings: tuple[str, ...]
    """Reasons why the two may not belong together."""

    @property
    def differences(self) -> tuple[Passage, ...]:
        """The passages that differ, with their times."""
        return tuple(one for one in self.passages if one.kind != "equal")

    @property
    def error_rate(self) -> float | None:
        """The word error rate, or the character error rate; `None` if the reference has no words."""
        return self.counts.error_rate

    @property
    def speaker_error_rate(self) -> float | None:
        """The cpWER; `None` if a side has no speakers."""
        return ErrorCounts.total(one.counts for one in self.speakers).error_rate


def compare(
    reference: Transcript | str,
    transcript: Transcript,
    *,
    normalization: Normalization | None = None,
    language_code: str | None = None,
) -> Comparison:
    """
    Compare a transcript with a reference: another transcript, or the text that was spoken.

    Between two transcripts the rate states how much they differ, and not which of them is right. Nothing is
    sent. It is work for the processor, so call it in a thread where an event loop must not wait.

    Args:
        reference: The text that was spoken, without names of speakers, or a transcript of the same recording.
        transcript: A completed transcript.
        normalization: The rules by which spelling is not an error; by default `whisper-english` for English,
            and `whisper-basic` for other languages.
        language_code: The language; by default that of the transcript.

    Raises:
        ConfigError: The extra `compare` is not installed, or an argument has the wrong type.
        OptionsError: The reference has no words, or is written in another script than the transcript; or the
            normalization does not exist or does not fit the language.
        AAIError: A transcript is not completed.
    """
    check_installed()
    if not isinstance(reference, str):
        checked_type(Transcript, reference, "reference")
    checked_type(Transcript, transcript, "transcript")
    language = language_code or transcript.language_code or _language(reference)
    unit = unit_of(language, reference if isinstance(reference, str) else reference.text or "")
    rules = chosen(normalization, language, unit)
    ours = (
        words_of_text(reference, unit) if isinstance(reference, str) else words_of_transcript(reference, unit)
    )
    theirs = words_of_transcript(transcript, unit)
    split = splitter(rules, unit)
    first, second = tokens_of(ours, split), tokens_of(theirs, split)
    if isinstance(reference, str) and not first:
        raise OptionsError("The reference has no words, so there is nothing to compare with.")
    alignment = aligned([one.text for one in first], [one.text for one in second])
    return Comparison(
        counts=alignment.counts,
        speakers=matched_speakers((ours, first), (theirs, second)),
        passages=tuple(passages(alignment.chunks, (ours, first), (theirs, second), language)),
        unit=unit,
        normalization=rules,
        warnings=(
            *_about_scripts(reference, text_of(ours), text_of(theirs)),
            *_about_recordings(reference, transcript),
            *_about_agreement(alignment.counts, len(second)),
        ),
    )


def _language(reference: Transcript | str) -> str | None:
    return None if isinstance(reference, str) else reference.language_code


def _about_scripts(reference: Transcript | str, ours: str, theirs: str) -> Iterator[str]:
    """
    Yield a warning if two transcripts are written in different scripts.

    Raises:
        OptionsError: A reference text is written in another one than the transcript.
    """
    first, second = _scripts(ours), _scripts(theirs)
    if min(first.total(), second.total()) < _FEW_CHARACTERS or (first & second):
        return
    one, other = (_shown_script(found.most_common(1)[0][0]) for found in (first, second))
    if isinstance(reference, str):
        raise OptionsError(
            f"The reference is written in the {one} script and the transcript in the {other} one: pass a "
            "text of the same language, as it was spoken."
        )
    yield f"The reference is written in the {one} script, and the transcript in the {other} one."


def _scripts(text: str) -> Counter[str]:
    """Count the characters of a text by the first word of their names, which is that of their script."""
    return Counter(unicodedata.name(one, "unknown").split()[0] for one in text if one.isalpha())


def _shown_script(name: str) -> str:
    # Unicode names the characters of Chinese by the three languages that have them.
    return "Chinese" if name == "CJK" else name.capitalize()


def _about_recordings(reference: Transcript | str, transcript: Transcript) -> Iterator[str]:
    """Yield warnings if two transcripts have different recordings or languages."""
    if isinstance(reference, str):
        return
    first, second = reference.audio_duration, transcript.audio_duration
    if first is not None and second is not None and abs(first - second) > _LENGTH_TOLERANCE:
        yield (
            f"The recordings are {first:.0f} s and {second:.0f} s long: are both transcripts of the same one?"
        )
    one, other = (language_of(each.language_code) for each in (reference, transcript))
    if one and other and one != other:
        yield f"The reference is in the language {one!r}, and the transcript in {other!r}."


def _about_agreement(counts: ErrorCounts, length: int) -> Iterator[str]:
    """Yield a warning if hardly a word is the same."""
    if min(counts.length, length) >= _FEW_WORDS and counts.hits < 0.2 * counts.length:
        share = counts.hits / counts.length
        yield f"Only {share:.0%} of the reference is in the transcript: are both of the same recording?"
