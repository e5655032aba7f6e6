"""Every request that the client builds is one that the service's own description knows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from description import check_request, schema

import aai_async as aai
from aai_async._options.options import _DEPRECATED

KEY = "0123456789abcdef0123456789abcdef"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"

# A value for each option that the description knows, and what that option needs beside it.
GIVEN: dict[str, dict[str, Any]] = {
    "audio_end_at": {"audio_end_at": 280},
    "audio_start_from": {"audio_start_from": 10},
    "auto_chapters": {"auto_chapters": True},
    "auto_highlights": {"auto_highlights": True},
    "content_safety": {"content_safety": True},
    "content_safety_confidence": {"content_safety_confidence": 60},
    "custom_spelling": {"custom_spelling": [aai.CustomSpelling(from_=["sequel"], to="SQL")]},
    "custom_topics": {"custom_topics": True},
    "disfluencies": {"disfluencies": True},
    "entity_detection": {"entity_detection": True},
    "filter_profanity": {"filter_profanity": True},
    "format_text": {"format_text": False},
    "iab_categories": {"iab_categories": True},
    "keyterms_prompt": {"keyterms_prompt": ["AssemblyAI"]},
    "language_code": {"language_code": "de"},
    "language_codes": {"language_codes": ["en", "es"]},
    "language_confidence_threshold": {"language_confidence_threshold": 0.5},
    "language_detection": {"language_detection": True},
    "language_detection_options": {
        "language_detection_options": aai.LanguageDetectionOptions(
            expected_languages=["en", "es"],
            fallback_language="en",
            code_switching=True,
            code_switching_confidence_threshold=0.5,
        )
    },
    "multichannel": {"multichannel": True},
    "prompt": {"prompt": "A call."},
    "punctuate": {"punctuate": True},
    "redact_pii": {"redact_pii": True, "redact_pii_policies": ["person_name"]},
    "redact_pii_audio": {"redact_pii_audio": True, "redact_pii": True, "redact_pii_policies": ["date"]},
    "redact_pii_audio_options": {
        "redact_pii_audio_options": aai.RedactPIIAudioOptions(
            return_redacted_no_speech_audio=True, override_audio_redaction_method="silence"
        )
    },
    "redact_pii_audio_quality": {"redact_pii_audio_quality": "wav"},
    "redact_pii_policies": {"redact_pii": True, "redact_pii_policies": ["person_name", "date"]},
    "redact_pii_sub": {"redact_pii_sub": "entity_name"},
    "remove_audio_tags": {"remove_audio_tags": "all"},
    "sentiment_analysis": {"sentiment_analysis": True},
    "speaker_labels": {"speaker_labels": True},
    "speaker_options": {
        "speaker_labels": True,
        "speaker_options": aai.SpeakerOptions(min_speakers_expected=1, max_speakers_expected=3),
    },
    "speakers_expected": {"speaker_labels": True, "speakers_expected": 2},
    "speech_models": {"speech_models": ["assemblyai-stt-3-7", "universal-2"]},
    "speech_threshold": {"speech_threshold": 0.5},
    "speech_understanding": {
        "speech_understanding": aai.SpeechUnderstanding(
            translation=aai.Translation(target_languages=["es"], formal=True, match_original_utterance=False)
        )
    },
    "summarization": {"summarization": True},
    "summary_model": {"summary_model": "catchy"},
    "summary_type": {"summary_type": "gist"},
    "temperature": {"temperature": 0.5},
    "topics": {"topics": ["trade"]},
    "webhook_auth_header_name": {"webhook_auth_header_name": "X", "webhook_auth_header_value": "y"},
    "webhook_auth_header_value": {"webhook_auth_header_name": "X", "webhook_auth_header_value": "y"},
    "webhook_url": {"webhook_url": "https://example.com/done?job=1"},
}

TASKS = [
    aai.SpeechUnderstanding(
        speaker_identification=aai.SpeakerIdentification(
            speaker_type="role",
            speakers=[aai.KnownSpeaker(role="Agent", description="Greets.", extra={"company": "ACME"})],
        )
    ),
    aai.SpeechUnderstanding(
        speaker_identification=aai.SpeakerIdentification(speaker_type="name", known_values=["Ann", "Bob"])
    ),
    aai.SpeechUnderstanding(
        custom_formatting=aai.CustomFormatting(date="mm/dd/yyyy", phone_number="(xxx)xxx-xxxx", email="a@b.c")
    ),
]


class Recorder(httpx.AsyncBaseTransport):
    """Keeps what was sent, and answers with the service's own examples; a new job is queued."""

    def __init__(self, answer: bytes) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        if request.url.path != "/v2/transcript" or request.method != "POST":
            return httpx.Response(200, content=self._answer)
        queued = {"status": "queued", "audio_url": json.loads(request.content)["audio_url"]}
        return httpx.Response(200, json=json.loads(self._answer) | queued)


@pytest.fixture
def recorder(sample: Any) -> Recorder:
    upload = json.loads(sample("upload.ok.json"))
    listing = json.loads(sample("list-transcripts.page.json")) | {"page_details": {}}
    answer = {"id": JOB, "status": "completed", **upload, **listing, "text": "WEBVTT -->"}
    return Recorder(json.dumps(answer).encode())


@pytest.fixture
async def recorded(recorder: Recorder) -> AsyncIterator[aai.Client]:
    async with httpx.AsyncClient(transport=recorder) as http, aai.Client(KEY, http_client=http) as client:
        yield client


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", sorted(GIVEN))
async def test_an_option_is_sent_as_it_is_described(
    recorded: aai.Client, recorder: Recorder, name: str
) -> None:
    """Its name, its type and its values."""
    await recorded.submit("https://example.com/a.mp3", aai.Options(**GIVEN[name]))
    (request,) = recorder.requests
    check_request(request)
    assert name in json.loads(request.content)


def test_every_option_of_the_description_is_among_them() -> None:
    """But for the one that the service refuses by now, and for the audio itself."""
    assert set(GIVEN) == set(schema("TranscriptParams")["properties"]) - {"speech_model", "audio_url"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: repr(task)[:60])
async def test_a_task_is_sent_as_it_is_described(
    recorded: aai.Client, recorder: Recorder, task: aai.SpeechUnderstanding
) -> None:
    """The description knows three; translation is above."""
    await recorded.submit("https://a", aai.Options(speaker_labels=True, speech_understanding=task))
    check_request(recorder.requests[0])


@pytest.mark.filterwarnings("ignore:throttled_only:DeprecationWarning")
async def test_every_other_request_is_as_it_is_described(recorded: aai.Client, recorder: Recorder) -> None:
    """Addresses, queries, bodies, and the key."""
    await recorded.upload(b"a recording")
    await recorded.get(JOB)
    await recorded.delete(JOB)
    await recorded.sentences(JOB)
    await recorded.paragraphs(JOB)
    await recorded.subtitles(JOB, "srt")
    await recorded.subtitles(JOB, "vtt", chars_per_caption=32)
    await recorded.word_search(JOB, "smoke", "air quality")
    await recorded.redacted_audio(JOB)
    assert [item async for item in recorded.list()]
    filtered = recorded.list(
        status="error", created_on="2026-11-24", before_id=JOB, throttled_only=True, limit=5
    )
    assert [item async for item in filtered]
    assert len(recorder.requests) == 11
    for request in recorder.requests:
        check_request(request)


def test_the_check_would_notice() -> None:
    """An unknown option, a wrong type, an unknown address, an unknown query and a missing key are told."""
    url, headers = "https://api.assemblyai.com/v2/transcript", {"authorization": KEY}
    wrong = [
        httpx.Request("POST", url, json={"audio_url": "https://a", "domain": "medical-v1"}, headers=headers),
        httpx.Request("POST", url, json={"audio_url": "https://a", "punctuate": "yes"}, headers=headers),
        httpx.Request("POST", url, json={"punctuate": True}, headers=headers),
        httpx.Request("GET", f"{url}/a/sentence/s", headers=headers),
        httpx.Request("GET", f"{url}?limit=201", headers=headers),
        httpx.Request("GET", url),
    ]
    for request in wrong:
        with pytest.raises(AssertionError, match="transcript"):
            check_request(request)


def test_what_the_description_calls_deprecated_warns() -> None:
    """And nothing else of it does."""
    properties = schema("TranscriptParams")["properties"]
    deprecated = {name for name, described in properties.items() if described.get("deprecated")}
    assert deprecated - {"speech_model"} == _DEPRECATED.keys() & properties.keys()
