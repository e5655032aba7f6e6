"""Options and answers are compared field by field with the service's description."""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import msgspec
import pytest
from description import schema
from differences import BEYOND, LACKING, OF_OTHER_TYPE

import aai_async as aai
from aai_async._models.decoding import _without_none
from aai_async._options import vocabulary
from aai_async.server.parameters import FIELDS, LANGUAGES, NESTED, PII_POLICIES, SPEECH_MODELS


def within(name: str, *path: str) -> dict[str, Any]:
    """A schema that stands inside another one."""
    found = schema(name)
    for step in path:
        found = found["properties"][step] if "properties" in found else found["items"]["properties"][step]
    return found


UNDERSTANDING_RESPONSE = {
    "properties": {
        name: {"type": "object"} for name in ("translation", "speaker_identification", "custom_formatting")
    }
}

PAIRS: list[tuple[type[Any], dict[str, Any]]] = [
    (aai.Options, schema("TranscriptParams")),
    (aai.CustomSpelling, schema("TranscriptCustomSpelling")),
    (aai.LanguageDetectionOptions, within("TranscriptParams", "language_detection_options")),
    (aai.SpeakerOptions, within("TranscriptParams", "speaker_options")),
    (aai.RedactPIIAudioOptions, within("TranscriptParams", "redact_pii_audio_options")),
    (aai.Translation, within("TranslationRequestBody", "translation")),
    (aai.SpeakerIdentification, within("SpeakerIdentificationRequestBody", "speaker_identification")),
    (
        aai.KnownSpeaker,
        within("SpeakerIdentificationRequestBody", "speaker_identification", "speakers")["items"],
    ),
    (aai.CustomFormatting, within("CustomFormattingRequestBody", "custom_formatting")),
    (aai.SpeechUnderstanding, UNDERSTANDING_RESPONSE),
    (aai.Transcript, schema("Transcript")),
    (aai.Word, schema("TranscriptWord")),
    (aai.Utterance, schema("TranscriptUtterance")),
    (aai.Chapter, schema("Chapter")),
    (aai.Entity, schema("Entity")),
    (aai.SentimentAnalysisResult, schema("SentimentAnalysisResult")),
    (aai.AutoHighlightsResult, schema("AutoHighlightsResult")),
    (aai.AutoHighlight, schema("AutoHighlightResult")),
    (aai.ContentSafetyLabelsResult, schema("ContentSafetyLabelsResult")),
    (aai.ContentSafetyLabelResult, schema("ContentSafetyLabelResult")),
    (aai.ContentSafetyLabel, schema("ContentSafetyLabel")),
    (aai.SeverityScoreSummary, schema("SeverityScoreSummary")),
    (aai.TopicDetectionModelResult, schema("TopicDetectionModelResult")),
    (aai.TopicDetectionResult, schema("TopicDetectionResult")),
    (aai.TopicLabel, within("TopicDetectionResult", "labels")["items"]),
    (aai.Timestamp, schema("Timestamp")),
    (aai.Sentences, schema("SentencesResponse")),
    (aai.Sentence, schema("TranscriptSentence")),
    (aai.Paragraphs, schema("ParagraphsResponse")),
    (aai.Paragraph, schema("TranscriptParagraph")),
    (aai.WordSearch, schema("WordSearchResponse")),
    (aai.WordSearchMatch, schema("WordSearchMatch")),
    (aai.TranscriptPage, schema("TranscriptList")),
    (aai.TranscriptListItem, schema("TranscriptListItem")),
    (aai.PageDetails, schema("PageDetails")),
    (aai.RedactedAudio, schema("RedactedAudioResponse")),
    (aai.SpeechUnderstandingResult, within("Transcript", "speech_understanding")),
    (aai.SpeechUnderstandingResponse, UNDERSTANDING_RESPONSE),
    (aai.TranslationResult, within("TranslationResponse", "translation")),
    (aai.SpeakerIdentificationResult, within("SpeakerIdentificationResponse", "speaker_identification")),
    (aai.CustomFormattingResult, within("CustomFormattingResponse", "custom_formatting")),
]
each_pair = pytest.mark.parametrize(
    ("cls", "described"), PAIRS, ids=lambda value: getattr(value, "__name__", "")
)


def fields_of(cls: type[Any]) -> dict[str, Any]:
    """The types of a class by the names of the wire."""
    hints = get_type_hints(cls)
    names = cls.__struct_fields__ if issubclass(cls, msgspec.Struct) else [f.name for f in attrs.fields(cls)]
    return {name.removesuffix("_"): hints[name] for name in names if name[0] != "_" and name != "extra"}


@each_pair
def test_each_name_of_the_description_is_ours_and_the_other_way_round(
    cls: type[Any], described: dict[str, Any]
) -> None:
    """But for what the list of differences names, with the reason."""
    ours, theirs = set(fields_of(cls)), set(described["properties"])
    assert ours - theirs == set(BEYOND.get(cls.__name__, {}))
    assert theirs - ours == set(LACKING.get(cls.__name__, {}))


@each_pair
def test_each_type_of_the_description_is_ours(cls: type[Any], described: dict[str, Any]) -> None:
    """Text is text, a list is a list, an object an object of its own."""
    other = {
        name
        for name, kind in fields_of(cls).items()
        if name in described["properties"] and shape(kind) not in shapes(described["properties"][name])
    }
    assert other == set(OF_OTHER_TYPE.get(cls.__name__, {}))


def shape(kind: Any) -> str:
    """What one of our types is in JSON; a class of its own is told from a plain dict."""
    kind = _without_none(kind)
    if get_origin(kind) in {Union, types.UnionType} and str in get_args(kind):  # an open vocabulary
        return "string"
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and (attrs.has(origin) or issubclass(origin, msgspec.Struct)):
        return "object"
    if get_args(kind) == (str, Any):
        return "plain object"
    names: dict[Any, str] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        tuple: "array",
        Sequence: "array",
        dict: "object",
        Mapping: "object",
        dt.datetime: "time",
    }
    return names[origin]


def shapes(described: dict[str, Any]) -> set[str]:
    """What the description allows, nulls aside."""
    if "$ref" in described:
        return shapes(schema(described["$ref"].rpartition("/")[2]))
    found = {
        kind for one in (*described.get("oneOf", ()), *described.get("anyOf", ())) for kind in shapes(one)
    }
    kind = described.get("type", "string" if "enum" in described or not found else [])
    found |= {kind} if isinstance(kind, str) else set(kind)
    # The service describes its times as texts of a pattern.
    return found | ({"time"} if "T(" in described.get("pattern", "") else set())


def test_no_difference_is_listed_that_is_none() -> None:
    """The list names classes that are compared, and gives a reason for each name."""
    compared = {cls.__name__ for cls, _ in PAIRS}
    for differences in (BEYOND, LACKING, OF_OTHER_TYPE):
        assert set(differences) <= compared
        assert all(reason for reasons in differences.values() for reason in reasons.values())


def test_the_embedded_server_knows_every_option_of_the_client() -> None:
    """
    Also those that it refuses, and the keys of the objects in them: none is unknown to it.

    Its own `audio_track` is given in `extra`, because the service has no such parameter.
    """
    ours = fields_of(aai.Options)
    assert set(FIELDS) == set(ours) - {"speech_model"} | {"audio_url", "audio_track"}
    nested = {
        "custom_spelling": aai.CustomSpelling,
        "language_detection_options": aai.LanguageDetectionOptions,
        "redact_pii_audio_options": aai.RedactPIIAudioOptions,
        "speaker_options": aai.SpeakerOptions,
    }
    assert {name: set(keys) for name, keys in NESTED.items()} == {
        name: set(fields_of(cls)) for name, cls in nested.items()
    }


def test_the_embedded_server_knows_the_words_of_the_client() -> None:
    """Its models and languages; of the kinds of personal data it finds some."""
    assert words_of(vocabulary.SpeechModel) < set(SPEECH_MODELS)
    assert words_of(vocabulary.LanguageCode) == LANGUAGES
    assert words_of(vocabulary.PIIPolicy) > PII_POLICIES


def words_of(kind: Any) -> set[str]:
    """What an editor completes."""
    return set(get_args(get_args(kind)[0]))
