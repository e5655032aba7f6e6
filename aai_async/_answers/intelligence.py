"""
What the service found in what was said: topics, sentiments, entities, summaries.

Vocabularies are open; docstrings name the words that are known. Times are ms from the start of the file.
"""

from __future__ import annotations

import attrs

from aai_async._answers.answer import JSON, Part
from aai_async._answers.speech import Span, Timestamp


@attrs.frozen(kw_only=True, repr=False)
class Chapter(Span):
    """A chapter (deprecated `auto_chapters`)."""

    gist: str | None = None
    """A few words."""

    headline: str | None = None
    """One sentence."""

    summary: str | None = None
    """One paragraph."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


@attrs.frozen(kw_only=True, repr=False)
class Entity(Span):
    """Something that was named (`entity_detection`)."""

    entity_type: str | None = None
    """Such as `"person_name"`, `"location"`, `"date"`: the same words as `redact_pii_policies`."""

    text: str = ""
    """The words that name it."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


@attrs.frozen(kw_only=True, repr=False)
class SentimentAnalysisResult(Span):
    """The sentiment of a sentence (`sentiment_analysis`)."""

    text: str = ""
    """The sentence."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    sentiment: str | None = None
    """`"POSITIVE"`, `"NEUTRAL"` or `"NEGATIVE"`."""

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` … with `speaker_labels`."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""


@attrs.frozen(kw_only=True, repr=False)
class AutoHighlight(Part):
    """A key phrase."""

    text: str = ""
    """The phrase."""

    count: int = 0
    """How often it was said."""

    rank: float | None = None
    """Between 0 and 1: how much it matters."""

    timestamps: tuple[Timestamp, ...] = ()
    """Where it was said."""


@attrs.frozen(kw_only=True, repr=False)
class AutoHighlightsResult(Part):
    """The key phrases (`auto_highlights`)."""

    status: str | None = None
    """`"success"`, or `"unavailable"` where the model failed."""

    results: tuple[AutoHighlight, ...] = ()
    """One for each phrase."""


@attrs.frozen(kw_only=True, repr=False)
class ContentSafetyLabel(Part):
    """A kind of sensitive content."""

    label: str | None = None
    """
    Such as `"accidents"`, `"alcohol"`, `"crime_violence"`, `"disasters"`, `"drugs"`, `"gambling"`,
    `"hate_speech"`, `"health_issues"`, `"nsfw"`, `"profanity"`, `"sensitive_social_issues"`, `"weapons"`.
    """

    confidence: float | None = None
    """Between 0 and 1."""

    severity: float | None = None
    """Between 0 and 1; some labels have none."""


@attrs.frozen(kw_only=True, repr=False)
class ContentSafetyLabelResult(Part):
    """Sensitive content in one place."""

    text: str = ""
    """What was said there."""

    labels: tuple[ContentSafetyLabel, ...] = ()
    """What is sensitive in it."""

    sentences_idx_start: int | None = None
    """Index of the first sentence."""

    sentences_idx_end: int | None = None
    """Index of the last sentence."""

    timestamp: Timestamp | None = None
    """When it was said."""


@attrs.frozen(kw_only=True, repr=False)
class SeverityScoreSummary(Part):
    """How the severities of a label are spread: three shares that make 1."""

    low: float | None = None
    """The share that is hardly severe."""

    medium: float | None = None
    """The share in between."""

    high: float | None = None
    """The share that is very severe."""


@attrs.frozen(kw_only=True, repr=False)
class ContentSafetyLabelsResult(Part):
    """The sensitive content (`content_safety`); empty where it was not looked for."""

    status: str | None = None
    """`"success"`, or `"unavailable"` where the model failed."""

    results: tuple[ContentSafetyLabelResult, ...] = ()
    """One for each place."""

    summary: dict[str, float] = attrs.field(factory=dict[str, float], hash=False)
    """By label, between 0 and 1: how sure it is of each in the whole recording."""

    severity_score_summary: dict[str, SeverityScoreSummary] = attrs.field(
        factory=dict[str, SeverityScoreSummary], hash=False
    )
    """By label."""


@attrs.frozen(kw_only=True, repr=False)
class TopicLabel(Part):
    """A topic."""

    label: str | None = None
    """From the general to the particular, such as `"Home&Garden>IndoorEnvironmentalQuality"`."""

    relevance: float | None = None
    """Between 0 and 1."""


@attrs.frozen(kw_only=True, repr=False)
class TopicDetectionResult(Part):
    """The topics of one place."""

    text: str = ""
    """What was said there."""

    labels: tuple[TopicLabel, ...] = ()
    """What it is about."""

    timestamp: Timestamp | None = None
    """When it was said."""


@attrs.frozen(kw_only=True, repr=False)
class TopicDetectionModelResult(Part):
    """The topics (`iab_categories`); empty where they were not looked for."""

    status: str | None = None
    """`"success"`, or `"unavailable"` where the model failed."""

    results: tuple[TopicDetectionResult, ...] = ()
    """One for each place."""

    summary: dict[str, float] = attrs.field(factory=dict[str, float], hash=False)
    """By topic, between 0 and 1: how much the whole recording is about it."""


@attrs.frozen(kw_only=True, repr=False)
class CodeSwitchingLanguage(Part):
    """A language of a recording that switches between them."""

    language_code: str | None = None
    """Such as `"en"`."""

    language: str | None = None
    """The same, under the name that the documentation prints."""

    confidence: float | None = None
    """Between 0 and 1."""


@attrs.frozen(kw_only=True, repr=False)
class LanguageDetectionResults(Part):
    """What the detection found, with `LanguageDetectionOptions(code_switching=True)`."""

    code_switching_languages: tuple[CodeSwitchingLanguage, ...] | None = None
    """One for each language."""


@attrs.frozen(kw_only=True, repr=False)
class TranslationResult(Part):
    """How the translation went; its texts are in `translated_texts`."""

    status: str | None = None
    """How the task went, in the service's own words."""


@attrs.frozen(kw_only=True, repr=False)
class SpeakerIdentificationResult(Part):
    """Who the speakers are; the utterances say so already."""

    status: str | None = None
    """How the task went, in the service's own words."""

    mapping: dict[str, str] | None = attrs.field(default=None, hash=False)
    """Name or role by the label that it replaced, such as `{"A": "Agent"}`."""


@attrs.frozen(kw_only=True, repr=False)
class CustomFormattingResult(Part):
    """The text with dates, numbers and addresses as they were asked for."""

    status: str | None = None
    """How the task went, in the service's own words."""

    mapping: dict[str, str] | None = attrs.field(default=None, hash=False)
    """What was written by what stood there before."""

    formatted_text: str | None = None
    """The whole text, so written."""

    formatted_utterances: tuple[JSON, ...] | None = attrs.field(default=None, hash=False)
    """The utterances, so written, with `CustomFormatting(format_utterances=True)`."""


@attrs.frozen(kw_only=True, repr=False)
class SummarySection(Span):
    """The summary of one section."""

    headline: str | None = None
    """What the section is about."""

    text: str | None = None
    """With `summary_type="paragraph"`."""

    bullets: tuple[str, ...] | None = None
    """With `summary_type="bullets"`."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


@attrs.frozen(kw_only=True, repr=False)
class SummarizationResult(Part):
    """The summaries."""

    status: str | None = None
    """How the task went, in the service's own words."""

    summary: tuple[SummarySection, ...] | None = None
    """By section."""

    block_summary: str | None = None
    """Of the whole recording."""

    summary_type: str | None = None
    """`"bullets"` or `"paragraph"`, as it was asked for."""

    effort: str | None = None
    """`"low"` or `"medium"`, as it was asked for."""


@attrs.frozen(kw_only=True, repr=False)
class ActionItem(Part):
    """Something that somebody is to do."""

    action_item: str | None = None
    """What is to be done."""

    quote: str | None = None
    """The words that say so."""

    timestamp: JSON | int | str | None = attrs.field(default=None, hash=False)
    """Where they were said; its shape is not documented."""


@attrs.frozen(kw_only=True, repr=False)
class ActionItemsResult(Part):
    """What is to be done."""

    status: str | None = None
    """How the task went, in the service's own words."""

    effort: str | None = None
    """`"low"` or `"medium"`, as it was asked for."""

    items: tuple[ActionItem, ...] | None = None
    """One for each thing to do."""


@attrs.frozen(kw_only=True, repr=False)
class SpeechUnderstandingResponse(Part):
    """One result for each task that was asked for."""

    translation: TranslationResult | None = None
    """Of `Translation`."""

    speaker_identification: SpeakerIdentificationResult | None = None
    """Of `SpeakerIdentification`."""

    custom_formatting: CustomFormattingResult | None = None
    """Of `CustomFormatting`."""

    summarization: SummarizationResult | None = None
    """Of `Summarization`."""

    action_items: ActionItemsResult | None = None
    """Of `ActionItems`."""


@attrs.frozen(kw_only=True, repr=False)
class SpeechUnderstandingResult(Part):
    """What was asked about the words, and what came of it."""

    request: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """The tasks as they were sent."""

    response: SpeechUnderstandingResponse | None = None
    """The results."""
