"""Every payload of the service's own description is read, and says what it says there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aai_async as aai
from aai_async._api.reply import HTTPReply, error_from_reply
from aai_async._models import decoding

Sample = Callable[[str], bytes]
TRANSCRIPT = "9ea68fd3-f953-42c1-9742-976c447fb463"


def part(kind: type[Any], sample: bytes) -> Any:
    """Read a piece of an answer as it is read inside one."""
    return decoding.read(kind, decoding.split(b'{"part": %b}' % sample)["part"])


def test_a_completed_transcript_has_what_was_asked_and_what_was_found(sample: Sample) -> None:
    """Field by field, down to the innermost ones."""
    transcript = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    assert (transcript.id, transcript.status, transcript.audio_duration) == (TRANSCRIPT, "completed", 281)
    assert (transcript.language_code, transcript.language_confidence) == ("en_us", 0.9959)
    assert (transcript.language_detection, transcript.language_confidence_threshold) == (True, 0.7)
    assert (transcript.audio_start_from, transcript.audio_end_at) == (10, 280)
    assert transcript.redact_pii_policies == ("us_social_security_number", "credit_card_number")
    assert (transcript.webhook_auth, transcript.webhook_auth_header_name) == (True, "webhook-secret")
    assert (transcript.speakers_expected, transcript.speech_threshold) == (2, 0.5)
    assert (transcript.acoustic_model, transcript.language_model) == (
        "assemblyai_default",
        "assemblyai_default",
    )
    assert transcript.words is not None
    assert transcript.words[0] == aai.Word(text="Smoke", start=250, end=650, confidence=0.97465)
    assert transcript.words[0].duration == 400
    assert transcript.utterances is not None
    assert transcript.utterances[0].speaker == "A"
    assert transcript.utterances[0].duration == transcript.utterances[0].end - 250
    assert transcript.auto_highlights_result is not None
    assert transcript.auto_highlights_result.results[0].text == "air quality alerts"
    assert transcript.entities is not None
    assert transcript.entities[0].text == "Canada"


def test_a_completed_transcript_loses_no_field_that_has_a_name_here(sample: Sample) -> None:
    """Whatever is in the JSON and has a field is in the field."""
    body = sample("get-transcript.completed.json")
    transcript = aai.Transcript.from_json(body)
    lost = [
        name
        for name, value in json.loads(body).items()
        if value not in (None, [], {}) and getattr(transcript, name) in (None, (), {})
    ]
    assert lost == []


def test_the_topics_and_labels_of_a_transcript_are_whole(sample: Sample) -> None:
    """Topics, sensitive content and key phrases, as they stand by themselves in the description."""
    topics = part(aai.TopicDetectionModelResult, sample("part.iab-categories-result.json"))
    assert topics.status == "success"
    assert topics.results[0].labels[0].label == "Home&Garden>IndoorEnvironmentalQuality"
    assert topics.results[0].labels[0].relevance == 0.988274097442627
    assert topics.results[0].timestamp == aai.Timestamp(start=250, end=28840)
    assert topics.summary["NewsAndPolitics>Weather"] == 1.0
    safety = part(aai.ContentSafetyLabelsResult, sample("part.content-safety-labels.json"))
    assert safety.results[0].labels[0].label == "disasters"
    assert safety.results[0].labels[0].severity == 0.4093044400215149
    assert safety.severity_score_summary["disasters"].medium == 0.42667369753431533
    highlights = part(aai.AutoHighlightsResult, sample("part.auto-highlights-result.json"))
    assert highlights.results[0].text == "air quality alerts"
    assert highlights.results[0].timestamps[0].start == 3978


def test_the_smaller_pieces_are_whole(sample: Sample) -> None:
    """A word, an utterance, a sentence, a paragraph, a chapter, an entity and a sentiment."""
    word = part(aai.Word, sample("part.word.json"))
    assert (word.text, word.start, word.end, word.confidence, word.speaker) == (
        "Smoke",
        250,
        650,
        0.97465,
        None,
    )
    utterance = part(aai.Utterance, sample("part.utterance.json"))
    assert (utterance.speaker, len(utterance.words)) == (
        "A",
        len(json.loads(sample("part.utterance.json"))["words"]),
    )
    sentence = part(aai.Sentence, sample("part.sentence.json"))
    assert (sentence.text[:5], sentence.start) == ("Smoke", 250)
    paragraph = part(aai.Paragraph, sample("part.paragraph.json"))
    assert (paragraph.text[:5], paragraph.words[0].text) == ("Smoke", "Smoke")
    chapter = part(aai.Chapter, sample("part.chapter.json"))
    assert (chapter.gist, chapter.start) == ("Smoggy air quality alerts across US", 250)
    entity = part(aai.Entity, sample("part.entity.json"))
    assert (entity.entity_type, entity.text, entity.duration) == ("location", "Canada", 3130 - 2548)
    sentiment = part(aai.SentimentAnalysisResult, sample("part.sentiment.json"))
    assert (sentiment.sentiment, sentiment.confidence) == ("NEGATIVE", 0.8181032538414001)


def test_the_answers_of_the_other_endpoints_are_whole(sample: Sample) -> None:
    """Sentences, paragraphs, a word search, and where the redacted audio is."""
    sentences = aai.Sentences.from_json(sample("get-sentences.ok.json"))
    assert sentences.sentences[0].words[0].text == "Smoke"
    assert sentences.audio_duration == 281
    paragraphs = aai.Paragraphs.from_json(sample("get-paragraphs.ok.json"))
    assert paragraphs.paragraphs[0].text.startswith("Smoke from hundreds")
    found = aai.WordSearch.from_json(sample("word-search.ok.json"))
    assert (found.id, found.total_count) == ("d5a3d302-066e-43fb-b63b-8f57baf185db", 10)
    assert (found.matches[0].text, found.matches[0].count) == ("smoke", 6)
    match = part(aai.WordSearchMatch, sample("word-search.match.json"))
    assert match.timestamps[0] == (250, 650)
    assert match.indexes[0] == 0
    audio = aai.RedactedAudio.from_json(sample("get-redacted-audio.ready.json"))
    assert (audio.status, audio.is_ready) == ("redacted_audio_ready", True)


def test_the_list_of_transcripts_is_whole(sample: Sample) -> None:
    """With a transcript that was deleted and one that failed, and where the older ones are."""
    page = aai.TranscriptPage.from_json(sample("list-transcripts.page.json"))
    assert page.page_details is not None
    assert (page.page_details.limit, page.page_details.result_count) == (3, 3)
    assert page.page_details.older_than == "28a73d01-98db-41dd-9e98-2533ba0af117"
    assert page.transcripts is not None
    deleted, failed, completed = page.transcripts
    assert (deleted.audio_url, deleted.status) == ("http://deleted_by_user", "completed")
    assert (failed.status, failed.completed) == ("error", None)
    assert failed.error is not None
    assert completed.created == dt.datetime.fromisoformat("2024-03-11T21:12:57.372215")
    for name, status in {"completed": "completed", "deleted": "completed", "error": "error"}.items():
        item = part(aai.TranscriptListItem, sample(f"list-transcripts.item-{name}.json"))
        assert item.status == status
    details = part(aai.PageDetails, sample("list-transcripts.page-details.json"))
    assert details.older_than is not None


def test_what_is_left_of_a_deleted_transcript_is_whole(sample: Sample) -> None:
    """A tombstone has almost nothing in it, and two keys that no schema knows."""
    transcript = aai.Transcript.from_json(sample("delete-transcript.deleted-tombstone.json"))
    assert (transcript.text, transcript.words) == ("Deleted by user.", None)
    assert "cluster_id" in transcript.raw


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (400, "error.400-bad-request.json", aai.RejectedError),
        (400, "error.schema-example.json", aai.RejectedError),
        (401, "error.401-unauthorized.json", aai.AccountError),
        (403, "error.403-cannot-access-uploaded-file.json", aai.UploadGoneError),
        (404, "error.404-not-found.json", aai.NotFoundError),
        (429, "error.429-too-many-requests.json", aai.RateLimitError),
        (500, "error.500-internal-server-error.json", aai.ServerError),
    ],
)
def test_a_documented_refusal_becomes_its_own_error(
    status: int, name: str, kind: type[aai.APIError], sample: Sample
) -> None:
    """With the service's own text in it."""
    error = error_from_reply(HTTPReply(status=status, headers={}, body=sample(name)))
    assert type(error) is kind
    assert json.loads(sample(name))["error"].rstrip(".") in str(error)


def test_every_sample_is_read_by_some_test() -> None:
    """A payload that nobody looks at proves nothing."""
    tests = Path(__file__).parents[1]
    texts = "\n".join(path.read_text() for path in tests.rglob("*.py"))
    generic = {"list-transcripts.item-completed.json", "list-transcripts.item-deleted.json"}
    generic |= {"list-transcripts.item-error.json", "get-subtitles.srt.txt", "get-subtitles.vtt.txt"}
    names = {path.name for path in (tests / "samples").iterdir()} - generic - {"INDEX.md"}
    assert [name for name in sorted(names) if name not in texts] == []
