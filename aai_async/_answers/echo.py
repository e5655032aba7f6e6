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

    language_confidence_threshold: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    language_detection_options: JSON | None = attrs.field(default=None, repr=False, hash=False)

    prompt: str | None = attrs.field(default=None, repr=False)

    temperature: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    keyterms_prompt: tuple[str, ...] | None = attrs.field(default=None, repr=False)

    audio_start_from: int | None = attrs.field(default=None, repr=False)
    """ms from the start of the file."""

    audio_end_at: int | None = attrs.field(default=None, repr=False)
    """ms from the start of the file."""

    speech_threshold: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    punctuate: bool | None = attrs.field(default=None, repr=False)

    format_text: bool | None = attrs.field(default=None, repr=False)

    disfluencies: bool | None = attrs.field(default=None, repr=False)

    filter_profanity: bool | None = attrs.field(default=None, repr=False)

    custom_spelling: tuple[JSON, ...] | None = attrs.field(default=None, repr=False, hash=False)

    remove_audio_tags: str | None = attrs.field(default=None, repr=False)

    speaker_labels: bool | None = attrs.field(default=None, repr=False)

    speakers_expected: int | None = attrs.field(default=None, repr=False)

    speaker_options: JSON | None = attrs.field(default=None, repr=False, hash=False)

    multichannel: bool | None = attrs.field(default=None, repr=False)

    dual_channel: bool | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    redact_pii: bool | None = attrs.field(default=None, repr=False)

    redact_pii_policies: tuple[str, ...] | None = attrs.field(default=None, repr=False)

    redact_pii_sub: str | None = attrs.field(default=None, repr=False)

    redact_pii_audio: bool | None = attrs.field(default=None, repr=False)

    redact_pii_audio_quality: str | None = attrs.field(default=None, repr=False)

    redact_pii_audio_options: JSON | None = attrs.field(default=None, repr=False, hash=False)

    content_safety: bool | None = attrs.field(default=None, repr=False)

    iab_categories: bool | None = attrs.field(default=None, repr=False)

    sentiment_analysis: bool | None = attrs.field(default=None, repr=False)

    entity_detection: bool | None = attrs.field(default=None, repr=False)

    auto_highlights: bool | None = attrs.field(default=None, repr=False)

    webhook_url: str | None = attrs.field(default=None, repr=False)

    webhook_auth: bool | None = attrs.field(default=None, repr=False)
    """Whether a header goes with the webhook; its secret is never told."""

    webhook_auth_header_name: str | None = attrs.field(default=None, repr=False)

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
