"""
What the vendor's SDKs for Python and Node name: parameters, fields of answers, and the words of vocabularies.

Only names are read, of the installed Python package and of the types in the npm package, and compared with
ours. `node_names.json` beside this file has the names of one release of the latter, so that the tests need no
registry; `nox -s drift` compares with the newest releases.
"""

from __future__ import annotations

import enum
import inspect
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import assemblyai
import assemblyai.types
import attrs
import msgspec
from differences import NOT_COMPARED, UNKNOWN_TO_US

import aai_async as aai
from aai_async._api.pagination import ListQuery
from aai_async._options import vocabulary

NODE_NAMES = Path(__file__).with_name("node_names.json")

PYTHON, NODE = "Python", "Node"

FIELDS: dict[type[Any], tuple[str | None, str | None]] = {
    aai.Options: ("RawTranscriptionConfig", "TranscriptOptionalParams"),
    aai.CustomSpelling: (None, "TranscriptCustomSpelling"),
    aai.LanguageDetectionOptions: ("LanguageDetectionOptions", "LanguageDetectionOptions"),
    aai.SpeakerOptions: ("SpeakerOptions", "SpeakerOptions"),
    aai.KeytermsPromptOptions: ("KeytermsPromptOptions", "KeytermsPromptOptions"),
    aai.RedactPIIAudioOptions: ("RedactPiiAudioOptions", None),
    aai.SpeechUnderstanding: ("SpeechUnderstandingFeatureRequests", "SpeechUnderstandingFeatureRequests"),
    aai.Translation: ("TranslationRequest", "TranslationRequest"),
    aai.SpeakerIdentification: ("SpeakerIdentificationRequest", "SpeakerIdentificationRequest"),
    aai.CustomFormatting: ("CustomFormattingRequest", "CustomFormattingRequest"),
    aai.Summarization: ("SummarizationRequest", None),
    aai.Transcript: ("TranscriptResponse", "Transcript"),
    aai.Word: ("UtteranceWord", "TranscriptWord"),
    aai.Utterance: ("Utterance", "TranscriptUtterance"),
    aai.Sentences: ("SentencesResponse", "SentencesResponse"),
    aai.Sentence: ("Sentence", "TranscriptSentence"),
    aai.Paragraphs: ("ParagraphsResponse", "ParagraphsResponse"),
    aai.Paragraph: ("Paragraph", "TranscriptParagraph"),
    aai.Chapter: ("Chapter", "Chapter"),
    aai.Entity: ("Entity", "Entity"),
    aai.SentimentAnalysisResult: ("Sentiment", "SentimentAnalysisResult"),
    aai.Timestamp: ("Timestamp", "Timestamp"),
    aai.AutoHighlightsResult: ("AutohighlightResponse", "AutoHighlightsResult"),
    aai.AutoHighlight: ("AutohighlightResult", "AutoHighlightResult"),
    aai.ContentSafetyLabelsResult: ("ContentSafetyResponse", "ContentSafetyLabelsResult"),
    aai.ContentSafetyLabelResult: ("ContentSafetyResult", "ContentSafetyLabelResult"),
    aai.ContentSafetyLabel: ("ContentSafetyLabelResult", "ContentSafetyLabel"),
    aai.SeverityScoreSummary: ("ContentSafetySeverityScore", "SeverityScoreSummary"),
    aai.TopicDetectionModelResult: ("IABResponse", "TopicDetectionModelResult"),
    aai.TopicDetectionResult: ("IABResult", "TopicDetectionResult"),
    aai.TopicLabel: ("IABLabelResult", None),
    aai.WordSearch: ("WordSearchMatchResponse", "WordSearchResponse"),
    aai.WordSearchMatch: ("WordSearchMatch", "WordSearchMatch"),
    aai.TranscriptPage: ("ListTranscriptResponse", "TranscriptList"),
    aai.TranscriptListItem: ("TranscriptItem", "TranscriptListItem"),
    aai.PageDetails: ("PageDetails", "PageDetails"),
    ListQuery: ("ListTranscriptParameters", "ListTranscriptParams"),
    aai.RedactedAudio: ("RedactedAudioResponse", "RedactedAudioResponse"),
    aai.LanguageDetectionResults: ("LanguageDetectionResults", "LanguageDetectionResults"),
    aai.CodeSwitchingLanguage: ("CodeSwitchingLanguage", "CodeSwitchingLanguage"),
    aai.SpeechUnderstandingResult: ("SpeechUnderstandingResponse", "SpeechUnderstandingResponse"),
    aai.SpeechUnderstandingResponse: (
        "SpeechUnderstandingFeatureResponses",
        "SpeechUnderstandingFeatureResponses",
    ),
    aai.TranslationResult: ("TranslationResponse", "TranslationResponse"),
    aai.SpeakerIdentificationResult: ("SpeakerIdentificationResponse", "SpeakerIdentificationResponse"),
    aai.CustomFormattingResult: ("CustomFormattingResponse", "CustomFormattingResponse"),
    aai.SummarizationResult: ("SummarizationResponse", None),
    aai.SummarySection: ("SummarizationSection", None),
}
"""Our classes, and what each is called in the SDKs for Python and Node."""


def _spoken(annotation: Any) -> frozenset[str]:
    """Collect the words of a type, such as `Literal["a", "b"] | str`."""
    words = {one for one in get_args(annotation) if isinstance(one, str)}
    return frozenset(words).union(*(_spoken(one) for one in get_args(annotation) if not isinstance(one, str)))


def _words_of(cls: type[Any], name: str) -> frozenset[str]:
    return _spoken(get_type_hints(cls)[name])


WORDS: dict[str, tuple[frozenset[str], str | None, str | None]] = {
    "SpeechModel": (_spoken(vocabulary.SpeechModel), "SpeechModel", "SpeechModel"),
    "LanguageCode": (_spoken(vocabulary.LanguageCode), "LanguageCode", "TranscriptLanguageCode"),
    "PIIPolicy": (_spoken(vocabulary.PIIPolicy), "PIIRedactionPolicy", "PiiPolicy"),
    "PIISubstitution": (_spoken(vocabulary.PIISubstitution), "PIISubstitutionPolicy", "SubstitutionPolicy"),
    "AudioQuality": (_spoken(vocabulary.AudioQuality), "PIIRedactedAudioQuality", "RedactPiiAudioQuality"),
    "SummaryModel": (_spoken(vocabulary.SummaryModel), "SummarizationModel", "SummaryModel"),
    "SummaryType": (_spoken(vocabulary.SummaryType), "SummarizationType", "SummaryType"),
    "Effort": (_spoken(vocabulary.Effort), None, "SpeechUnderstandingEffort"),
    "boost_param": (_words_of(aai.Options, "boost_param"), "WordBoost", "TranscriptBoostParam"),
    "speaker_type": (_words_of(aai.SpeakerIdentification, "speaker_type"), "SpeakerType", "SpeakerType"),
    "override_audio_redaction_method": (
        _words_of(aai.RedactPIIAudioOptions, "override_audio_redaction_method"),
        "PIIRedactedAudioMethod",
        None,
    ),
    "status": (
        frozenset({"queued", "processing", "completed", "error"}),
        "TranscriptStatus",
        "TranscriptStatus",
    ),
    "subtitles": (frozenset({"srt", "vtt"}), None, "SubtitleFormat"),
}
"""Our vocabularies, and what each is called in the SDKs for Python and Node."""


@attrs.frozen
class Names:
    """The names in one release of an SDK, by its own names of types."""

    sdk: str
    version: str
    fields: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]

    def written(self) -> str:
        """Give them as JSON, for a file that is easy to compare."""
        document = {
            "package": f"assemblyai {self.version} for {self.sdk}",
            "fields": {name: sorted(names) for name, names in sorted(self.fields.items())},
            "words": {name: sorted(words) for name, words in sorted(self.words.items())},
        }
        return f"{json.dumps(document, indent=1)}\n"


def python_names() -> Names:
    """Read the names of the SDK for Python that is installed."""
    own = {
        name: cls
        for name, cls in vars(assemblyai.types).items()
        if inspect.isclass(cls) and cls.__module__ == assemblyai.types.__name__
    }
    # It is made of models of pydantic 1 or 2, by what else is installed.
    models = {
        name: getattr(cls, "model_fields", None) or vars(cls).get("__fields__") for name, cls in own.items()
    }
    return Names(
        PYTHON,
        assemblyai.__version__,
        {name: frozenset(fields) for name, fields in models.items() if fields is not None},
        {
            name: frozenset(str(member.value) for member in cls.__members__.values())
            for name, cls in own.items()
            if issubclass(cls, enum.Enum)
        },
    )


def node_names(archive: Path) -> Names:
    """Read the names of the SDK for Node from the archive that `npm pack` makes of it."""
    with tarfile.open(archive) as package:
        version = json.loads(_member(package, "package/package.json"))["version"]
        types = _member(package, "package/dist/types/openapi.generated.d.ts")
    types = re.sub(r"/\*.*?\*/", "", types, flags=re.DOTALL)
    objects = re.findall(r"export (?:type|interface) (\w+)\s*=?\s*\{\n(.*?)\n\}", types, re.DOTALL)
    unions = re.findall(r'export type (\w+) = ("[^;]*);', types)
    return Names(
        NODE,
        version,
        {name: frozenset(re.findall(r"^    (\w+)\??:", body, re.MULTILINE)) for name, body in objects},
        {name: frozenset(re.findall(r'"([^"]+)"', body)) for name, body in unions},
    )


def written_node_names() -> Names:
    """Read the names of the SDK for Node that are written down."""
    document = json.loads(NODE_NAMES.read_text())
    _, version, *_ = document["package"].split()
    fields = {name: frozenset(names) for name, names in document["fields"].items()}
    return Names(NODE, version, fields, {name: frozenset(words) for name, words in document["words"].items()})


def _member(package: tarfile.TarFile, name: str) -> str:
    file = package.extractfile(name)
    assert file is not None
    return file.read().decode()


def fields_of(cls: type[Any]) -> frozenset[str]:
    """The fields of one of our classes, by the names of the wire."""
    names = cls.__struct_fields__ if issubclass(cls, msgspec.Struct) else [f.name for f in attrs.fields(cls)]
    return frozenset(name.removesuffix("_") for name in names if name[0] != "_" and name != "extra")


def differences(names: Names) -> Iterator[tuple[str, str]]:
    """Give what an SDK has and we have not: where, and the name."""
    at = (PYTHON, NODE).index(names.sdk)
    for cls, theirs in FIELDS.items():
        if (name := theirs[at]) is not None:
            for field in sorted(names.fields.get(name, frozenset()) - fields_of(cls)):
                yield cls.__name__, field
    for ours, (words, *called) in WORDS.items():
        if (name := called[at]) is not None:
            for word in sorted(names.words.get(name, frozenset()) - words):
                yield ours, word


def unexplained(names: Names) -> list[str]:
    """List what is in an SDK, and neither here nor in the list of differences; also what it has no more."""
    at = (PYTHON, NODE).index(names.sdk)
    compared = {theirs[at] for theirs in FIELDS.values()} | {called[at] for _, *called in WORDS.values()}
    present = {*names.fields, *names.words}
    new = [
        f"{where} here has no {name!r}"
        for where, name in differences(names)
        if name not in UNKNOWN_TO_US.get(where, {})
    ]
    new += [
        f"nothing is compared with its type {name}" for name in sorted(present - compared - {*NOT_COMPARED})
    ]
    new += [f"it has no type {name} any more" for name in sorted(filter(None, compared - present))]
    return new
