"""Every combination and range that the service refuses is refused here: both fields, reason and mend."""

from __future__ import annotations

from typing import Any

import pytest

import aai_async as aai
from aai_async._options.combinations import COMBINATIONS
from aai_async._options.group import OptionGroup
from aai_async._options.rules import Rule

PII = {"redact_pii": True, "redact_pii_policies": ["date"]}


def names_speakers(**given: Any) -> dict[str, Any]:
    task = aai.SpeakerIdentification(speaker_type="role", known_values=["Agent"], **given)
    return {"speech_understanding": aai.SpeechUnderstanding(speaker_identification=task)}


def translates(**given: Any) -> dict[str, Any]:
    task = aai.Translation(target_languages=["es"], **given)
    return {"speech_understanding": aai.SpeechUnderstanding(translation=task)}


BROKEN: list[tuple[type[OptionGroup], dict[str, Any], str]] = [
    (
        aai.Options,
        {"language_code": "de", "language_detection": True},
        "language_code and language_detection cannot be combined",
    ),
    (aai.Options, {"language_codes": ["de", "es"]}, "language_codes must contain 'en'"),
    (
        aai.Options,
        {"speech_model": "best"},
        r"The service refuses speech_model\. .*: speech_models=\['assemblyai-stt-3-7', 'universal-2'\]",
    ),
    (
        aai.Options,
        {"speech_models": ["universal-2"], "keyterms_prompt": [str(number) for number in range(201)]},
        "keyterms_prompt has more than 200 entries, .* add 'assemblyai-stt-3-7'",
    ),
    (aai.Options, {"word_boost": ["Köln"]}, "word_boost supports only ASCII characters: use keyterms_prompt"),
    (
        aai.Options,
        {"speakers_expected": 2},
        "speakers_expected needs speaker_labels, .*add speaker_labels=True",
    ),
    (aai.Options, {"speaker_options": aai.SpeakerOptions()}, "speaker_options needs speaker_labels"),
    (
        aai.Options,
        {"speaker_labels": True, "speakers_expected": 2, "speaker_options": aai.SpeakerOptions()},
        "speakers_expected and speaker_options cannot be combined",
    ),
    (aai.Options, names_speakers(), "speaker_identification needs speaker_labels"),
    (aai.Options, translates(match_original_utterance=True), "match_original_utterance needs speaker_labels"),
    (
        aai.Options,
        {"redact_pii": True},
        "redact_pii needs redact_pii_policies or redact_static_entities, .*'phone_number'",
    ),
    (
        aai.Options,
        {"redact_pii_policies": ["date"]},
        "redact_pii_policies needs redact_pii, .*: add redact_pii=True",
    ),
    (aai.Options, {"redact_pii_return_unredacted": True}, "redact_pii_return_unredacted needs redact_pii"),
    (aai.Options, {"redact_static_entities": {"A": ["b"]}}, "redact_static_entities needs redact_pii"),
    (aai.Options, {"redact_pii_audio": True}, "redact_pii_audio needs redact_pii"),
    (aai.Options, {"auto_chapters": True, "punctuate": False}, "auto_chapters needs punctuate"),
    (aai.Options, {"summarization": True, "punctuate": False}, "summarization needs punctuate"),
    (aai.Options, {"summarization": True, "format_text": False}, "summarization needs format_text"),
    (aai.Options, {"summarization": True, "auto_chapters": True}, "auto_chapters and summarization cannot"),
    (
        aai.Options,
        {"summarization": True, "summary_model": "conversational"},
        "summary_model='conversational' needs speaker_labels",
    ),
    (
        aai.Options,
        {"summarization": True, "summary_model": "catchy", "summary_type": "bullets"},
        "summary_model does not support this summary_type",
    ),
    (
        aai.Options,
        {"audio_start_from": 2000, "audio_end_at": 2000},
        "audio_end_at must be after audio_start_from",
    ),
    (aai.Options, {"webhook_url": "example.com/done"}, "webhook_url must begin with https://"),
    (aai.Options, {"webhook_auth_header_name": "X-Secret"}, "go together"),
    (
        aai.SpeakerOptions,
        {"min_speakers_expected": 3, "max_speakers_expected": 2},
        "max_speakers_expected must not be less than min_speakers_expected",
    ),
    (
        aai.LanguageDetectionOptions,
        {"expected_languages": ["en", "es"], "fallback_language": "de"},
        "fallback_language must be one of expected_languages",
    ),
    (aai.LanguageDetectionOptions, {"localization": ["en_au", "en_uk"]}, "localization has two variants"),
    (
        aai.LanguageDetectionOptions,
        {"on_no_speech_detected": "fallback"},
        r"on_no_speech_detected='fallback' needs a fallback_language other than 'auto', .* such as",
    ),
    (
        aai.LanguageDetectionOptions,
        {"on_no_speech_detected": "fallback", "fallback_language": "auto"},
        "on_no_speech_detected='fallback' needs a fallback_language other than 'auto'",
    ),
    (aai.CustomSpelling, {"from_": ["a"]}, "needs both from_ and to"),
    (aai.CustomSpelling, {"from_": ["a"], "to": "two words"}, r"CustomSpelling\(to=...\) must be one word"),
    (aai.Translation, {}, "Translation needs target_languages"),
    (aai.SpeakerIdentification, {}, "needs speaker_type"),
    (
        aai.SpeakerIdentification,
        {"speaker_type": "name", "known_values": ["Ann"], "speakers": [aai.KnownSpeaker(name="Ann")]},
        "known_values and speakers cannot be combined",
    ),
    (
        aai.SpeakerIdentification,
        {"speaker_type": "role"},
        "speaker_type='role' needs known_values or speakers",
    ),
    (
        aai.SpeakerIdentification,
        {"speaker_type": "role", "speakers": [aai.KnownSpeaker(name="Ann")]},
        "a role with speaker_type='role'",
    ),
    (aai.Summarization, {}, "Summarization needs summary_type"),
    (aai.SpeechUnderstanding, {}, "SpeechUnderstanding has no task"),
]

OUT_OF_RANGE: list[tuple[type[OptionGroup], dict[str, Any], str]] = [
    (
        aai.Options,
        {"language_codes": ["en", "es", "de"]},
        "language_codes has 3 entries; the service allows 2",
    ),
    (aai.Options, {"language_confidence_threshold": 1.5}, "must be between 0 and 1, not 1.5"),
    (aai.Options, {"speech_threshold": -0.1}, "speech_threshold must be between 0 and 1"),
    (aai.Options, {"temperature": float("nan")}, "temperature must be between 0 and 1, not nan"),
    (aai.Options, {"content_safety_confidence": 24}, "content_safety_confidence must be between 25 and 100"),
    (aai.Options, {"content_safety_confidence": 101}, "content_safety_confidence must be between 25 and 100"),
    (aai.Options, {"audio_start_from": -1}, "audio_start_from must be at least 0, not -1"),
    (aai.Options, {"audio_end_at": -1}, "audio_end_at must be at least 0"),
    (aai.Options, {"speakers_expected": 0, "speaker_labels": True}, "speakers_expected must be at least 1"),
    (aai.Options, {"prompt": "word " * 1501}, "prompt has 1501 words; the service allows 1500"),
    (
        aai.Options,
        {"keyterms_prompt": ["term"] * 1001},
        "keyterms_prompt has 1001 entries; the service allows 1000",
    ),
    (aai.Options, {"keyterms_prompt": ["1 2 3 4 5 6 7"]}, "allows at most 6 words"),
    (aai.Options, {"word_boost": ["1 2 3 4 5 6 7"]}, "allows at most 6 words"),
    (aai.Options, {"speech_models": []}, "speech_models must not be empty"),
    (aai.SpeakerOptions, {"min_speakers_expected": 0}, "min_speakers_expected must be at least 1"),
    (aai.SpeakerOptions, {"max_speakers_expected": 0}, "max_speakers_expected must be at least 1"),
    (
        aai.LanguageDetectionOptions,
        {"code_switching_confidence_threshold": 2},
        "code_switching_confidence_threshold must be between 0 and 1",
    ),
    (
        aai.Summarization,
        {"summary_type": "bullets", "headline_length": 4},
        "headline_length must be between 5 and 15",
    ),
    (
        aai.Summarization,
        {"summary_type": "bullets", "headline_length": 16},
        "headline_length must be between 5",
    ),
    (
        aai.SpeakerIdentification,
        {"speaker_type": "name", "known_values": ["x" * 36]},
        "the service allows at most 35 characters",
    ),
]

ALLOWED: list[dict[str, Any]] = [
    {"language_code": "de", "language_detection": False},
    {"speaker_labels": True, "speakers_expected": 2},
    {"speaker_labels": True, **names_speakers()},
    {"speaker_labels": True, **translates(match_original_utterance=True)},
    translates(),
    {"audio_start_from": 1999, "audio_end_at": 2000},
    {"prompt": "A call.", "keyterms_prompt": ["AssemblyAI"]},
    {**PII, "redact_pii_audio": True, "redact_static_entities": {"PRODUCT": ["Widget"]}},
    {"redact_pii": True, "redact_static_entities": {"PRODUCT": ["Widget"]}},
    {"webhook_url": "HTTPS://example.com/?job=1"},
    {"speech_models": ["universal-2"], "keyterms_prompt": ["term"] * 200},
    {"speech_models": ["universal-3-5-pro", "universal-2"], "keyterms_prompt": ["term"] * 201},
    {"speech_models": ["assemblyai-stt-3-7", "universal-2"], "keyterms_prompt": ["term"] * 201},
    {"speech_models": ["universal-3-pro"]},
    {
        "language_detection": True,
        "language_detection_options": aai.LanguageDetectionOptions(
            on_no_speech_detected="fallback", fallback_language="en"
        ),
    },
]


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("kind", "given", "said"), BROKEN + OUT_OF_RANGE, ids=lambda value: ascii(value)[:50]
)
def test_what_the_service_would_refuse_is_refused_here(
    kind: type[OptionGroup], given: dict[str, Any], said: str
) -> None:
    """The message names the fields and the mend."""
    with pytest.raises(aai.OptionsError, match=said):
        kind(**given)


@pytest.mark.parametrize("given", ALLOWED, ids=lambda value: ascii(value)[:50])
def test_what_the_service_takes_is_taken(given: dict[str, Any]) -> None:
    """A rule refuses what it is about and no more."""
    aai.Options(**given)


def test_every_rule_has_a_case_above() -> None:
    """The table is complete: no rule stands there that nothing breaks."""
    groups = [
        kind
        for kind in (getattr(aai, name) for name in aai.__all__)
        if isinstance(kind, type) and issubclass(kind, OptionGroup)
    ]
    rules: list[Rule] = [*COMBINATIONS, *(rule for kind in groups for rule in kind._rules)]
    said = "\n".join(message(kind, given) for kind, given, _ in BROKEN)
    assert [rule.message for rule in rules if rule.message not in said] == []


def message(kind: type[OptionGroup], given: dict[str, Any]) -> str:
    with pytest.raises(aai.OptionsError) as caught:
        kind(**given)
    return str(caught.value)


def test_what_is_in_extra_may_mend_a_rule_and_never_breaks_one() -> None:
    """A rule that the service has given up can be got round."""
    aai.Options(redact_pii=True, extra={"redact_pii_policies": ["a-new-one"]})
    aai.Options(language_code="de", extra={"language_detection": True})
    with pytest.raises(aai.OptionsError, match="redact_pii needs redact_pii_policies or"):
        aai.Options(redact_pii=True, extra={"something_else": 1})
