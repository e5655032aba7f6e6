"""
The results of audio intelligence: topics, sentiments, entities, summaries.

Enumerations are open; docstrings name the known values. Times are ms from the start of the file.
"""

import msgspec

from aai_async._models.response import JSON, Part
from aai_async._models.speech import Span, Timestamp


class Chapter(Span, Part, frozen=True, kw_only=True):
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


class Entity(Span, Part, frozen=True, kw_only=True):
    """An entity that was mentioned (`entity_detection`)."""

    entity_type: str | None = None
    """The type, such as `"person_name"`, `"location"`, `"date"`: the same values as `redact_pii_policies`."""

    text: str = ""
    """The words that mention it."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


class SentimentAnalysisResult(Span, Part, frozen=True, kw_only=True):
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


class AutoHighlight(Part, frozen=True, kw_only=True):
    """A key phrase."""

    text: str = ""
    """The phrase."""

    count: int = 0
    """Number of occurrences."""

    rank: float | None = None
    """The relevance, between 0 and 1."""

    timestamps: tuple[Timestamp, ...] = ()
    """The times of the occurrences."""


class AutoHighlightsResult(Part, frozen=True, kw_only=True):
    """The key phrases (`auto_highlights`)."""

    status: str | None = None
    """`"success"`, or `"unavailable"` if the model failed."""

    results: tuple[AutoHighlight, ...] = ()
    """One entry for each phrase."""


class ContentSafetyLabel(Part, frozen=True, kw_only=True):
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


class ContentSafetyLabelResult(Part, frozen=True, kw_only=True):
    """A passage with sensitive content."""

    text: str = ""
    """The text of the passage."""

    labels: tuple[ContentSafetyLabel, ...] = ()
    """The kinds of sensitive content in it."""

    sentences_idx_start: int | None = None
    """Index of the first sentence."""

    sentences_idx_end: int | None = None
    """Index of the last sentence."""

    timestamp: Timestamp | None = None
    """The time of the passage."""


class SeverityScoreSummary(Part, frozen=True, kw_only=True):
    """The distribution of the severities of a label: three shares with the sum 1."""

    low: float | None = None
    """The share of low severity."""

    medium: float | None = None
    """The share of medium severity."""

    high: float | None = None
    """The share of high severity."""


class ContentSafetyLabelsResult(Part, frozen=True, kw_only=True):
    """The sensitive content (`content_safety`); empty if it was not requested."""

    status: str | None = None
    """`"success"`, or `"unavailable"` if the model failed."""

    results: tuple[ContentSafetyLabelResult, ...] = ()
    """One result for each passage."""

    summary: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    """The confidence of each label for the whole recording, between 0 and 1."""

    severity_score_summary: dict[str, SeverityScoreSummary] = msgspec.field(
        default_factory=dict[str, SeverityScoreSummary]
    )
    """The distribution of the severities, by label."""


class TopicLabel(Part, frozen=True, kw_only=True):
    """A topic."""

    label: str | None = None
    """The topic, from general to specific, such as `"Home&Garden>IndoorEnvironmentalQuality"`."""

    relevance: float | None = None
    """Between 0 and 1."""


class TopicDetectionResult(Part, frozen=True, kw_only=True):
    """The topics of a passage."""

    text: str = ""
    """The text of the passage."""

    labels: tuple[TopicLabel, ...] = ()
    """The topics of the passage."""

    timestamp: Timestamp | None = None
    """The time of the passage."""


class TopicDetectionModelResult(Part, frozen=True, kw_only=True):
    """The topics (`iab_categories`); empty if they were not requested."""

    status: str | None = None
    """`"success"`, or `"unavailable"` if the model failed."""

    results: tuple[TopicDetectionResult, ...] = ()
    """One result for each passage."""

    summary: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    """The relevance of each topic to the whole recording, between 0 and 1."""


class CodeSwitchingLanguage(Part, frozen=True, kw_only=True):
    """A language of a recording that switches between them."""

    language_code: str | None = None
    """Such as `"en"`."""

    language: str | None = None
    """The same value, under the name in the service's documentation."""

    confidence: float | None = None
    """Between 0 and 1."""


class LanguageDetectionResults(Part, frozen=True, kw_only=True):
    """The languages that were detected. `LanguageDetectionOptions(code_switching=True)` requests them."""

    code_switching_languages: tuple[CodeSwitchingLanguage, ...] | None = None
    """One entry for each language."""


class TranslationResult(Part, frozen=True, kw_only=True):
    """The status of the translation; its texts are in `translated_texts`."""

    status: str | None = None
    """The status of the task, as the service reports it."""


class SpeakerIdentificationResult(Part, frozen=True, kw_only=True):
    """The identified speakers; the utterances already have their names."""

    status: str | None = None
    """The status of the task, as the service reports it."""

    mapping: dict[str, str] | None = None
    """The name or role for each label that was replaced, such as `{"A": "Agent"}`."""


class CustomFormattingResult(Part, frozen=True, kw_only=True):
    """The text with dates, numbers and addresses in the requested format."""

    status: str | None = None
    """The status of the task, as the service reports it."""

    mapping: dict[str, str] | None = None
    """The replacement for each original text."""

    formatted_text: str | None = None
    """The whole text in the requested format."""

    formatted_utterances: tuple[JSON, ...] | None = None
    """The utterances in the requested format, with `CustomFormatting(format_utterances=True)`."""


class SummarySection(Span, Part, frozen=True, kw_only=True):
    """The summary of one section."""

    headline: str | None = None
    """The headline of the section."""

    text: str | None = None
    """The summary, with `summary_type="paragraph"`."""

    bullets: tuple[str, ...] | None = None
    """The summary, with `summary_type="bullets"`."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


class SummarizationResult(Part, frozen=True, kw_only=True):
    """The summaries."""

    status: str | None = None
    """The status of the task, as the service reports it."""

    summary: tuple[SummarySection, ...] | None = None
    """The summaries of the sections."""

    block_summary: str | None = None
    """The summary of the whole recording."""

    summary_type: str | None = None
    """`"bullets"` or `"paragraph"`, as requested."""

    effort: str | None = None
    """`"low"` or `"medium"`, as requested."""


class ActionItem(Part, frozen=True, kw_only=True):
    """A task that somebody has to do."""

    action_item: str | None = None
    """The description of the task."""

    quote: str | None = None
    """The words in the recording that mention the task."""

    timestamp: JSON | int | str | None = None
    """The time of the quote; its format is not documented."""


class ActionItemsResult(Part, frozen=True, kw_only=True):
    """The action items."""

    status: str | None = None
    """The status of the task, as the service reports it."""

    effort: str | None = None
    """`"low"` or `"medium"`, as requested."""

    items: tuple[ActionItem, ...] | None = None
    """One entry for each action item."""


class SpeechUnderstandingResponse(Part, frozen=True, kw_only=True):
    """One result for each requested task."""

    translation: TranslationResult | None = None
    """The result of `Translation`."""

    speaker_identification: SpeakerIdentificationResult | None = None
    """The result of `SpeakerIdentification`."""

    custom_formatting: CustomFormattingResult | None = None
    """The result of `CustomFormatting`."""

    summarization: SummarizationResult | None = None
    """The result of `Summarization`."""

    action_items: ActionItemsResult | None = None
    """The result of `ActionItems`."""


class SpeechUnderstandingResult(Part, frozen=True, kw_only=True):
    """The requested tasks of speech understanding and their results."""

    request: JSON | None = None
    """The tasks as they were sent."""

    response: SpeechUnderstandingResponse | None = None
    """The results."""

    _hidden = frozenset({"request"})
