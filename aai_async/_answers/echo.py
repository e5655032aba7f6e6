"""
What was asked, as the service says it back in each transcript.

It repeats `Options` from the other side: what was sent, and the service's defaults for what was not.
"""

from __future__ import annotations

import attrs

from aai_async._answers.answer import JSON, Answer


@attrs.frozen(kw_only=True, repr=False)
class Echo(Answer):
    """The settings of a job; each is described with the field of the same name in `Options`."""

    speech_models: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The models that were asked for, in order of preference."""

    speech_model: str | None = attrs.field(default=None, repr=False)
    """Deprecated: the one model that was asked for."""

    language_codes: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The languages of a recording that switches between them."""

    language_detection: bool | None = attrs.field(default=None, repr=False)
    """Whether the language was to be detected."""

    language_confidence_threshold: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    language_detection_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """How the language was to be detected."""

    domain: str | None = attrs.field(default=None, repr=False)
    """The field whose terms were favoured."""

    prompt: str | None = attrs.field(default=None, repr=False)
    """What the recording was said to be about."""

    temperature: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    keyterms_prompt: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The words and phrases to favour."""

    audio_start_from: int | None = attrs.field(default=None, repr=False)
    """ms from the start of the file."""

    audio_end_at: int | None = attrs.field(default=None, repr=False)
    """ms from the start of the file."""

    speech_threshold: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    punctuate: bool | None = attrs.field(default=None, repr=False)
    """Whether punctuation was added."""

    format_text: bool | None = attrs.field(default=None, repr=False)
    """Whether numbers and the like were written in digits and signs."""

    disfluencies: bool | None = attrs.field(default=None, repr=False)
    """Whether filler words were kept."""

    filter_profanity: bool | None = attrs.field(default=None, repr=False)
    """Whether profane words were replaced with asterisks."""

    custom_spelling: tuple[JSON, ...] | None = attrs.field(default=None, repr=False, hash=False)
    """How words were to be spelt, as `from` and `to`."""

    remove_audio_tags: str | None = attrs.field(default=None, repr=False)
    """Which tags, such as `[MUSIC]`, were left out."""

    speaker_labels: bool | None = attrs.field(default=None, repr=False)
    """Whether speakers were told apart."""

    speakers_expected: int | None = attrs.field(default=None, repr=False)
    """How many speakers there were said to be."""

    speaker_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """How many speakers there were said to be, as a range."""

    multichannel: bool | None = attrs.field(default=None, repr=False)
    """Whether each channel was transcribed by itself."""

    dual_channel: bool | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    redact_pii: bool | None = attrs.field(default=None, repr=False)
    """Whether personal data was replaced in the text."""

    redact_pii_policies: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """Which kinds of personal data."""

    redact_pii_sub: str | None = attrs.field(default=None, repr=False)
    """What stands in for it."""

    redact_pii_return_unredacted: bool | None = attrs.field(default=None, repr=False)
    """Whether the plain text was to be given as well."""

    redact_pii_audio: bool | None = attrs.field(default=None, repr=False)
    """Whether a masked copy of the audio was made."""

    redact_pii_audio_quality: str | None = attrs.field(default=None, repr=False)
    """The format of that copy."""

    redact_pii_audio_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """How it was masked."""

    content_safety: bool | None = attrs.field(default=None, repr=False)
    """Whether sensitive content was looked for."""

    iab_categories: bool | None = attrs.field(default=None, repr=False)
    """Whether topics were looked for."""

    sentiment_analysis: bool | None = attrs.field(default=None, repr=False)
    """Whether the sentiment of each sentence was told."""

    entity_detection: bool | None = attrs.field(default=None, repr=False)
    """Whether names, places, dates … were looked for."""

    auto_highlights: bool | None = attrs.field(default=None, repr=False)
    """Whether key phrases were looked for."""

    webhook_url: str | None = attrs.field(default=None, repr=False)
    """Where the end of the job is reported."""

    webhook_auth: bool | None = attrs.field(default=None, repr=False)
    """Whether a header goes with the webhook; its secret is never told."""

    webhook_auth_header_name: str | None = attrs.field(default=None, repr=False)
    """The header that goes with the report."""

    auto_chapters: bool | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    summarization: bool | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    summary_model: str | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    summary_type: str | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    word_boost: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    boost_param: str | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    speed_boost: bool | None = attrs.field(default=None, repr=False)
    """Deprecated, and without effect."""

    custom_topics: bool | None = attrs.field(default=None, repr=False)
    """Deprecated, and without effect."""

    topics: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """Deprecated, and without effect."""

    language_model: str | None = attrs.field(default=None, repr=False)
    """Deprecated: always `"assemblyai_default"`."""

    acoustic_model: str | None = attrs.field(default=None, repr=False)
    """Deprecated: always `"assemblyai_default"`."""
