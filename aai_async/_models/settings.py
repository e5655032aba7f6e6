"""
The options of a job, as the service echoes them in each transcript.

They mirror `Options`: the values that were sent, and the service's defaults for all others.
"""

import attrs

from aai_async._models.response import JSON, ResponseModel


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EchoedSettings(ResponseModel):
    """The options of a job; the field of the same name in `Options` describes each."""

    speech_models: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The requested models, in order of preference."""

    speech_model: str | None = attrs.field(default=None, repr=False)
    """Deprecated: the requested model."""

    language_codes: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The languages of a recording that switches between them."""

    language_detection: bool | None = attrs.field(default=None, repr=False)
    """Whether the language was to be detected."""

    language_confidence_threshold: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1."""

    language_detection_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """How the language was to be detected."""

    domain: str | None = attrs.field(default=None, repr=False)
    """The domain whose terms were favoured."""

    prompt: str | None = attrs.field(default=None, repr=False)
    """The context of the recording."""

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
    """Whether numbers and dates were written in digits and symbols."""

    disfluencies: bool | None = attrs.field(default=None, repr=False)
    """Whether filler words were kept."""

    filter_profanity: bool | None = attrs.field(default=None, repr=False)
    """Whether profane words were replaced with asterisks."""

    custom_spelling: tuple[JSON, ...] | None = attrs.field(default=None, repr=False, hash=False)
    """The spelling of words, as `from` and `to`."""

    remove_audio_tags: str | None = attrs.field(default=None, repr=False)
    """The tags, such as `[MUSIC]`, that were removed."""

    speaker_labels: bool | None = attrs.field(default=None, repr=False)
    """Whether the speakers were separated."""

    speakers_expected: int | None = attrs.field(default=None, repr=False)
    """The expected number of speakers."""

    speaker_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """The expected number of speakers, as a range."""

    multichannel: bool | None = attrs.field(default=None, repr=False)
    """Whether each channel was transcribed separately."""

    dual_channel: bool | None = attrs.field(default=None, repr=False)
    """Deprecated."""

    redact_pii: bool | None = attrs.field(default=None, repr=False)
    """Whether personal data was replaced in the text."""

    redact_pii_policies: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The kinds of personal data that were redacted."""

    redact_pii_sub: str | None = attrs.field(default=None, repr=False)
    """The replacement for redacted text."""

    redact_pii_return_unredacted: bool | None = attrs.field(default=None, repr=False)
    """Whether the unredacted text was requested as well."""

    redact_pii_audio: bool | None = attrs.field(default=None, repr=False)
    """Whether a redacted copy of the audio was requested."""

    redact_pii_audio_quality: str | None = attrs.field(default=None, repr=False)
    """The format of that copy."""

    redact_pii_audio_options: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """How the copy was redacted."""

    content_safety: bool | None = attrs.field(default=None, repr=False)
    """Whether sensitive content was to be detected."""

    iab_categories: bool | None = attrs.field(default=None, repr=False)
    """Whether topics were to be detected."""

    sentiment_analysis: bool | None = attrs.field(default=None, repr=False)
    """Whether the sentiment of each sentence was to be detected."""

    entity_detection: bool | None = attrs.field(default=None, repr=False)
    """Whether names, places, dates … were to be detected."""

    auto_highlights: bool | None = attrs.field(default=None, repr=False)
    """Whether key phrases were to be detected."""

    webhook_url: str | None = attrs.field(default=None, repr=False)
    """The URL that is called at the end of the job."""

    webhook_auth: bool | None = attrs.field(default=None, repr=False)
    """Whether the webhook request has a secret header; its value is never returned."""

    webhook_auth_header_name: str | None = attrs.field(default=None, repr=False)
    """The name of the secret header of the webhook request."""

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
