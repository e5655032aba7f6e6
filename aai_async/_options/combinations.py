"""
The combinations of options that the service refuses, or that would not do what they seem to.

Each is documented on the page of the option that it begins with, or enforced by the service's own SDK.
"""

from __future__ import annotations

from aai_async._options.models import NEWEST, RECOMMENDED
from aai_async._options.rules import Payload, Rule, at, cannot_be_off, excludes, needs

_FEWER_KEYTERMS = 200
"""How many key terms Universal-2 takes."""

_SUMMARIES = {
    "informative": {"bullets", "bullets_verbose", "headline", "paragraph"},
    "conversational": {"bullets", "bullets_verbose", "headline", "paragraph"},
    "catchy": {"gist", "headline"},
}
"""Which summaries each model writes."""

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
            "for the one says what the other is to find out",
            "give the language or have it detected",
        ),
        Rule(
            lambda given: "en" not in given.get("language_codes", ("en",)),
            "language_codes must have 'en' in it: the service follows switches between English and one other "
            "language. For one language alone use language_code.",
        ),
    )


def _of_models() -> tuple[Rule, ...]:
    return (
        Rule(
            lambda given: "speech_model" in given,
            f"speech_model is refused by the service, which takes speech_models in its place: {RECOMMENDED}.",
        ),
        Rule(
            _has_too_many_keyterms,
            f"keyterms_prompt has more than {_FEWER_KEYTERMS} entries, the most that "
            f"speech_models=['universal-2'] takes: leave some out, or add {NEWEST!r}.",
        ),
        Rule(
            lambda given: not all(term.isascii() for term in given.get("word_boost", ())),
            "word_boost takes letters of ASCII only: use keyterms_prompt, which takes all.",
        ),
    )


def _of_speakers() -> tuple[Rule, ...]:
    why = "which is what tells speakers apart"
    names = (*_UNDERSTANDING, "speaker_identification")
    matches = (*_UNDERSTANDING, "translation", "match_original_utterance")
    return (
        needs("speakers_expected", "speaker_labels", why),
        needs("speaker_options", "speaker_labels", why),
        excludes(
            "speakers_expected",
            "speaker_options",
            "for both say how many there are",
            "give the number where it is certain, else the range",
        ),
        Rule(
            lambda given: at(given, *names) is not None and not given.get("speaker_labels"),
            "speech_understanding.speaker_identification needs speaker_labels, whose labels it replaces: "
            "add speaker_labels=True.",
        ),
        Rule(
            lambda given: at(given, *matches) and not given.get("speaker_labels"),
            "speech_understanding.translation.match_original_utterance needs speaker_labels, without which "
            "there are no utterances: add speaker_labels=True.",
        ),
    )


def _of_redaction() -> tuple[Rule, ...]:
    policies = "redact_pii_policies=['person_name', 'phone_number']"
    both = f"add redact_pii=True and {policies}"
    why = "which is what redacts"
    return (
        Rule(
            lambda given: (
                given.get("redact_pii")
                and not (given.get("redact_pii_policies") or given.get("redact_static_entities"))
            ),
            "redact_pii needs redact_pii_policies or redact_static_entities, for it has to know what to "
            f"redact: add {policies}.",
        ),
        needs("redact_pii_policies", "redact_pii", "without which nothing is redacted"),
        needs(
            "redact_pii_return_unredacted", "redact_pii", "without which the text is plain anyway", mend=both
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
            "for the service makes one kind of summary",
            "ask for one, or use speech_understanding",
        ),
        Rule(
            lambda given: (
                given.get("summary_model") == "conversational"
                and not (
                    given.get("speaker_labels") or given.get("dual_channel") or given.get("multichannel")
                )
            ),
            "summary_model='conversational' needs speaker_labels, for it tells who said what: "
            "add speaker_labels=True, or take 'informative'.",
        ),
        Rule(
            _cannot_be_written,
            "summary_model and summary_type do not go together: 'catchy' writes a 'gist' or a 'headline', "
            "the others write 'bullets', 'bullets_verbose', a 'headline' or a 'paragraph'.",
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
            "webhook_url must begin with https:// or http://, for the service sends its report there.",
        ),
        Rule(
            _is_half_a_header,
            "webhook_auth_header_name and webhook_auth_header_value go together, the header and its content: "
            "give both or neither.",
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
"""Every rule between two options; those inside one nested object stand with its class."""
