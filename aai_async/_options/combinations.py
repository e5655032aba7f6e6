"""
The combinations of options that the service refuses, or that would have no effect.

Each rule is documented on the page of its first option, or enforced by the service's own SDK.
"""

from __future__ import annotations

from aai_async._options.models import NEWEST, RECOMMENDED
from aai_async._options.rules import Payload, Rule, at, cannot_be_off, excludes, needs

_FEWER_KEYTERMS = 200
"""Maximum number of key terms for Universal-2."""

_SUMMARIES = {
    "informative": {"bullets", "bullets_verbose", "headline", "paragraph"},
    "conversational": {"bullets", "bullets_verbose", "headline", "paragraph"},
    "catchy": {"gist", "headline"},
}
"""The summary types of each model."""

_KINDS_OF_SUMMARY = {kind for kinds in _SUMMARIES.values() for kind in kinds}

_UNDERSTANDING = ("speech_understanding", "request")


def _ends_before_it_starts(given: Payload) -> bool:
    return "audio_end_at" in given and given["audio_end_at"] <= given.get("audio_start_from", 0)


def _has_too_many_keyterms(given: Payload) -> bool:
    is_second_generation = given.get("speech_models") == ["universal-2"]
    return is_second_generation and len(given.get("keyterms_prompt", ())) > _FEWER_KEYTERMS


def _cannot_be_written(given: Payload) -> bool:
    model, kind = given.get("summary_model"), given.get("summary_type")
    written = _SUMMARIES.get(str(model))
    return written is not None and kind in _KINDS_OF_SUMMARY and kind not in written


def _is_half_a_header(given: Payload) -> bool:
    return ("webhook_auth_header_name" in given) != ("webhook_auth_header_value" in given)


def _is_no_web_address(given: Payload) -> bool:
    return "webhook_url" in given and not given["webhook_url"].lower().startswith(("http://", "https://"))


def _of_languages() -> tuple[Rule, ...]:
    return (
        excludes(
            "language_code",
            "language_detection",
            "set the language or let it be detected",
        ),
        Rule(
            lambda given: "en" not in given.get("language_codes", ("en",)),
            "language_codes must contain 'en': the service supports switches between English and one other "
            "language. For a single language use language_code.",
        ),
    )


def _of_models() -> tuple[Rule, ...]:
    return (
        Rule(
            lambda given: "speech_model" in given,
            f"The service refuses speech_model. Use speech_models instead: {RECOMMENDED}.",
        ),
        Rule(
            _has_too_many_keyterms,
            f"keyterms_prompt has more than {_FEWER_KEYTERMS} entries, the maximum for "
            f"speech_models=['universal-2']: remove some, or add {NEWEST!r} to speech_models.",
        ),
        Rule(
            lambda given: not all(term.isascii() for term in given.get("word_boost", ())),
            "word_boost supports only ASCII characters: use keyterms_prompt, which supports all characters.",
        ),
    )


def _of_speakers() -> tuple[Rule, ...]:
    why = "which separates the speakers"
    names = (*_UNDERSTANDING, "speaker_identification")
    matches = (*_UNDERSTANDING, "translation", "match_original_utterance")
    return (
        needs("speakers_expected", "speaker_labels", why),
        needs("speaker_options", "speaker_labels", why),
        excludes(
            "speakers_expected",
            "speaker_options",
            "give the number if it is certain, otherwise the range",
        ),
        Rule(
            lambda given: at(given, *names) is not None and not given.get("speaker_labels"),
            "speech_understanding.speaker_identification needs speaker_labels, because it replaces the "
            "labels: add speaker_labels=True.",
        ),
        Rule(
            lambda given: at(given, *matches) and not given.get("speaker_labels"),
            "speech_understanding.translation.match_original_utterance needs speaker_labels, because there "
            "are no utterances otherwise: add speaker_labels=True.",
        ),
    )


def _of_redaction() -> tuple[Rule, ...]:
    policies = "redact_pii_policies=['person_name', 'phone_number']"
    both = f"add redact_pii=True and {policies}"
    why = "which turns redaction on"
    return (
        Rule(
            lambda given: (
                given.get("redact_pii")
                and not (given.get("redact_pii_policies") or given.get("redact_static_entities"))
            ),
            "redact_pii needs redact_pii_policies or redact_static_entities, which define what to redact: "
            f"add {policies}.",
        ),
        needs("redact_pii_policies", "redact_pii", "because nothing is redacted otherwise"),
        needs(
            "redact_pii_return_unredacted",
            "redact_pii",
            "because the text is unredacted otherwise",
            mend=both,
        ),
        needs("redact_static_entities", "redact_pii", why, mend=both),
        needs("redact_pii_audio", "redact_pii", why, mend=both),
    )


def _of_summaries() -> tuple[Rule, ...]:
    return (
        cannot_be_off("punctuate", with_="auto_chapters"),
        cannot_be_off("punctuate", with_="summarization"),
        cannot_be_off("format_text", with_="summarization"),
        excludes(
            "auto_chapters",
            "summarization",
            "the service writes one kind of summary; request one of them, or use speech_understanding",
        ),
        Rule(
            lambda given: (
                given.get("summary_model") == "conversational"
                and not (
                    given.get("speaker_labels") or given.get("dual_channel") or given.get("multichannel")
                )
            ),
            "summary_model='conversational' needs speaker_labels, because it attributes text to speakers: "
            "add speaker_labels=True, or use 'informative'.",
        ),
        Rule(
            _cannot_be_written,
            "summary_model does not support this summary_type: 'catchy' supports 'gist' and 'headline', "
            "the others support 'bullets', 'bullets_verbose', 'headline' and 'paragraph'.",
        ),
    )


def _of_delivery() -> tuple[Rule, ...]:
    return (
        Rule(
            _ends_before_it_starts,
            "audio_end_at must be after audio_start_from; both are ms from the start of the file.",
        ),
        Rule(
            _is_no_web_address,
            "webhook_url must begin with https:// or http://, because the service sends a request to it.",
        ),
        Rule(
            _is_half_a_header,
            "webhook_auth_header_name and webhook_auth_header_value go together as the name and the value of "
            "one header: set both or neither.",
        ),
    )


COMBINATIONS: tuple[Rule, ...] = (
    *_of_languages(),
    *_of_models(),
    *_of_speakers(),
    *_of_redaction(),
    *_of_summaries(),
    *_of_delivery(),
)
"""Every rule between two options; rules within a nested object are defined in its class."""
