"""The objects nested in `Options`, but for those of `speech_understanding`, which are in `understanding`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

from aai_async._options.fields import flag, integer, number, text, texts
from aai_async._options.group import OptionGroup, teaching
from aai_async._options.rules import Payload, Rule
from aai_async._options.vocabulary import LanguageCode


@teaching
@attrs.frozen(kw_only=True, repr=False)
class SpeakerOptions(OptionGroup):
    """
    How many speakers to tell apart, as a range, for `Options.speaker_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/speaker-diarization#set-a-range-of-possible-speakers
    """

    min_speakers_expected: int | None = integer(1)
    """The fewest speakers; the service assumes 1."""

    max_speakers_expected: int | None = integer(1)
    """The most speakers; by default as many as there are up to 2 min of audio, 10 up to 10 min, then 30."""

    use_two_stage_clustering: bool | None = flag()
    """Internal to the service, and in its SDK; not documented."""

    short_file_diarization_method: (
        Literal["deliberate", "balanced", "conservative", "aggressive"] | str | None
    ) = text()
    """How short files are told apart; the service assumes `"deliberate"`. In its SDK, not documented."""

    long_file_diarization_method: Literal["standard", "experimental"] | str | None = text()
    """How long files are told apart; the service assumes `"standard"`. In its SDK, not documented."""

    include_speaker_confidence: bool | None = flag()
    """Say how sure it is of each speaker; where in the reply is not documented, see `Transcript.raw`."""

    _rules = (
        Rule(
            lambda given: (
                "max_speakers_expected" in given
                and given["max_speakers_expected"] < given.get("min_speakers_expected", 1)
            ),
            "max_speakers_expected must not be less than min_speakers_expected: between them is the range.",
        ),
    )


def _detects_what_is_not_expected(given: Payload) -> bool:
    expected, fallback = given.get("expected_languages", ["all"]), given.get("fallback_language", "auto")
    return "all" not in expected and fallback not in {"auto", *expected}


def _languages_named_twice(given: Payload) -> bool:
    languages = [locale.partition("_")[0] for locale in given.get("localization", ())]
    return len(languages) != len(set(languages))


@teaching
@attrs.frozen(kw_only=True, repr=False)
class LanguageDetectionOptions(OptionGroup):
    """
    How the language is detected, for `Options.language_detection_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/language-detection
    """

    expected_languages: Sequence[LanguageCode] | None = texts()
    """The languages that may be spoken; the service assumes `["all"]`."""

    fallback_language: LanguageCode | None = text()
    """What to take where none of them is: one of them, or `"auto"` (the default), the likeliest of them."""

    code_switching: bool | None = flag()
    """
    Follow a speaker who changes the language, with Universal-2; off by default. Models of the third
    generation do so by themselves.
    """

    code_switching_confidence_threshold: float | None = number(0, 1)
    """Between 0 and 1: how sure the service must be of a second language; it assumes 0.3."""

    on_low_language_confidence: Literal["error", "fallback"] | str | None = text()
    """What to do below the threshold of confidence: `"error"` (the default), or go on with the fallback."""

    on_no_speech_detected: Literal["error", "fallback"] | str | None = text()
    """
    What to do where nobody speaks: `"error"` (the default), or `"fallback"`: complete with an empty text and
    a warning. It needs a `fallback_language` other than `"auto"`, and such a job is billed.
    """

    localization: Sequence[Literal["en_au", "en_uk"] | str] | None = texts()
    """The spelling of a detected English, at most one for each language."""

    swiss_german: bool | None = flag()
    """Take detected German for Swiss German."""

    language_detection_model: str | None = text()
    """The model that detects; in the service's SDK, not documented."""

    _rules = (
        Rule(
            _detects_what_is_not_expected,
            "fallback_language must be one of expected_languages, which alone are detected: add it there, "
            "or take 'auto'.",
        ),
        Rule(
            lambda given: (
                given.get("on_no_speech_detected") == "fallback"
                and given.get("fallback_language", "auto") == "auto"
            ),
            "on_no_speech_detected='fallback' needs a fallback_language other than 'auto', which the service "
            "refuses: add the language that a silent transcript is to have, such as fallback_language='en'.",
        ),
        Rule(
            _languages_named_twice,
            "localization has two spellings of one language, and only one can be written: leave one out.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False)
class RedactPIIAudioOptions(OptionGroup):
    """
    How the masked copy of the audio is made, for `Options.redact_pii_audio_options`.

    Source: https://www.assemblyai.com/docs/pii-redaction#request-for-redacted-audio
    """

    return_redacted_no_speech_audio: bool | None = flag()
    """Make the copy even where nobody speaks; off by default."""

    override_audio_redaction_method: Literal["silence"] | str | None = text()
    """`"silence"` instead of the beep that is the default."""


@teaching
@attrs.frozen(kw_only=True, repr=False)
class KeytermsPromptOptions(OptionGroup):
    """
    How `Options.keyterms_prompt` is taken, for `Options.keyterms_prompt_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/keyterms-prompting
    """

    keyterms_match_strength: Literal["standard", "high"] | str | None = text()
    """How strongly the terms are favoured; the service assumes `"standard"`."""


@teaching
@attrs.frozen(kw_only=True, repr=False)
class CustomSpelling(OptionGroup):
    """
    One spelling, for `Options.custom_spelling`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/custom-spelling
    """

    from_: Sequence[str] | None = texts(must_have_some=True)
    """`from` on the wire: the words or phrases to replace, in whichever case."""

    to: str | None = text()
    """What to write instead: one word, in the case given."""

    _rules = (
        Rule(
            lambda given: "from" not in given or "to" not in given,
            "CustomSpelling needs both from_ and to: CustomSpelling(from_=['k eight s'], to='K8s').",
        ),
        Rule(
            lambda given: len(str(given.get("to")).split()) != 1,
            "CustomSpelling(to=...) must be one word, for it stands in the place of one: join or shorten it.",
        ),
    )
