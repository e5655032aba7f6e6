"""The objects nested in `Options`, except those of `speech_understanding`, which are in `understanding`."""

from collections.abc import Sequence
from typing import Literal

import attrs

from aai_async._options.fields import flag, integer, number, text, texts
from aai_async._options.group import OptionGroup, teaching
from aai_async._options.rules import Payload, Rule
from aai_async._options.vocabulary import LanguageCode


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class SpeakerOptions(OptionGroup):
    """
    The number of speakers as a range, for `Options.speaker_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/speaker-diarization#set-a-range-of-possible-speakers
    """

    min_speakers_expected: int | None = integer(1)
    """Minimum number of speakers; the default is 1."""

    max_speakers_expected: int | None = integer(1)
    """Maximum number of speakers; the default is no limit up to 2 min of audio, 10 up to 10 min, then 30."""

    use_two_stage_clustering: bool | None = flag()
    """Internal to the service. It is in the service's SDK but not documented."""

    short_file_diarization_method: (
        Literal["deliberate", "balanced", "conservative", "aggressive"] | str | None
    ) = text()
    """The method for short files; the default is `"deliberate"`. In the service's SDK, not documented."""

    long_file_diarization_method: Literal["standard", "experimental"] | str | None = text()
    """The method for long files; the default is `"standard"`. In the service's SDK, not documented."""

    include_speaker_confidence: bool | None = flag()
    """Return a confidence for each speaker. Its place in the response is not documented: `Transcript.raw`."""

    _rules = (
        Rule(
            lambda given: (
                "max_speakers_expected" in given
                and given["max_speakers_expected"] < given.get("min_speakers_expected", 1)
            ),
            "max_speakers_expected must not be less than min_speakers_expected.",
        ),
    )


def _detects_what_is_not_expected(given: Payload) -> bool:
    expected, fallback = given.get("expected_languages", ["all"]), given.get("fallback_language", "auto")
    return "all" not in expected and fallback not in {"auto", *expected}


def _languages_named_twice(given: Payload) -> bool:
    languages = [locale.partition("_")[0] for locale in given.get("localization", ())]
    return len(languages) != len(set(languages))


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class LanguageDetectionOptions(OptionGroup):
    """
    How the language is detected, for `Options.language_detection_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/language-detection
    """

    expected_languages: Sequence[LanguageCode] | None = texts()
    """The languages that can be detected; the default is `["all"]`."""

    fallback_language: LanguageCode | None = text()
    """The language if none of them is detected: one of them, or `"auto"` (the default), the likeliest one."""

    code_switching: bool | None = flag()
    """
    Follow speakers who switch between languages, with Universal-2; off by default. Models of the third
    generation always do.
    """

    code_switching_confidence_threshold: float | None = number(0, 1)
    """Minimum confidence for a second language, between 0 and 1; the default is 0.3."""

    on_low_language_confidence: Literal["error", "fallback"] | str | None = text()
    """Below the confidence threshold: `"error"` (the default), or `"fallback"` to use that language."""

    on_no_speech_detected: Literal["error", "fallback"] | str | None = text()
    """
    If there is no speech: `"error"` (the default), or `"fallback"` to complete with an empty text and a
    warning. `"fallback"` needs a `fallback_language` other than `"auto"`, and such a job is billed.
    """

    localization: Sequence[Literal["en_au", "en_uk"] | str] | None = texts()
    """The spelling of detected English; at most one variant for each language."""

    swiss_german: bool | None = flag()
    """Treat detected German as Swiss German."""

    language_detection_model: str | None = text()
    """The model for language detection. In the service's SDK, not documented."""

    _rules = (
        Rule(
            _detects_what_is_not_expected,
            "fallback_language must be one of expected_languages: add it there, or use 'auto'.",
        ),
        Rule(
            lambda given: (
                given.get("on_no_speech_detected") == "fallback"
                and given.get("fallback_language", "auto") == "auto"
            ),
            "on_no_speech_detected='fallback' needs a fallback_language other than 'auto', which the service "
            "refuses: set the language of a transcript without speech, such as fallback_language='en'.",
        ),
        Rule(
            _languages_named_twice,
            "localization has two variants of one language: remove one of them.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class RedactPIIAudioOptions(OptionGroup):
    """
    Settings of the redacted copy of the audio, for `Options.redact_pii_audio_options`.

    Source: https://www.assemblyai.com/docs/pii-redaction#request-for-redacted-audio
    """

    return_redacted_no_speech_audio: bool | None = flag()
    """Create the copy even if there is no speech; off by default."""

    override_audio_redaction_method: Literal["silence"] | str | None = text()
    """`"silence"` instead of the default, a beep."""


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class KeytermsPromptOptions(OptionGroup):
    """
    Settings of `Options.keyterms_prompt`, for `Options.keyterms_prompt_options`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/keyterms-prompting
    """

    keyterms_match_strength: Literal["standard", "high"] | str | None = text()
    """How strongly the terms are favoured; the default is `"standard"`."""


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class CustomSpelling(OptionGroup):
    """
    One spelling, for `Options.custom_spelling`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/custom-spelling
    """

    from_: Sequence[str] | None = texts(must_have_some=True)
    """`from` in the request: the words or phrases to replace, in any case."""

    to: str | None = text()
    """The replacement: one word, written as it is given."""

    _rules = (
        Rule(
            lambda given: "from" not in given or "to" not in given,
            "CustomSpelling needs both from_ and to: CustomSpelling(from_=['k eight s'], to='K8s').",
        ),
        Rule(
            lambda given: len(str(given.get("to")).split()) != 1,
            "CustomSpelling(to=...) must be one word: join or shorten it.",
        ),
    )
