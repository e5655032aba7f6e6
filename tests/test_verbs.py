"""What can be asked about a transcript: its sentences, captions, words, redacted audio, and more."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import respx
from descriptors import open_files

import aai_async as aai

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9/v2/transcript"
JOB = "d5a3d302-066e-43fb-b63b-8f57baf185db"
AUDIO_URL = "https://storage.example.com/redacted.mp3?signature=secret"

Sample = Callable[[str], bytes]


async def test_sentences_and_paragraphs_are_read(
    client: aai.Client, respx_mock: respx.MockRouter, sample: Sample
) -> None:
    """The documentation's own examples."""
    for verb in ("sentences", "paragraphs"):
        body = sample(f"get-{verb}.ok.json")
        transcript_id = json.loads(body)["id"]
        respx_mock.get(f"{URL}/{transcript_id}/{verb}").respond(200, content=body)
        answer = await getattr(client, verb)(transcript_id)
        assert answer.id == transcript_id
        assert answer.raw == json.loads(body)


@pytest.mark.parametrize("subtitle_format", ["srt", "vtt"])
async def test_captions_are_given_as_they_are(
    client: aai.Client, respx_mock: respx.MockRouter, sample: Sample, subtitle_format: Any
) -> None:
    """Whatever content type they come with."""
    body = sample(f"get-subtitles.{subtitle_format}.txt")
    route = respx_mock.get(f"{URL}/{JOB}/{subtitle_format}").respond(200, html=body.decode())
    assert await client.subtitles(JOB, subtitle_format) == body.decode()
    assert route.calls.last.request.url.query == b""
    await client.subtitles(JOB, subtitle_format, chars_per_caption=32)
    assert dict(route.calls.last.request.url.params) == {"chars_per_caption": "32"}


async def test_captions_that_are_a_page_are_a_protocol_error(
    client: aai.Client, respx_mock: respx.MockRouter
) -> None:
    """A proxy's apology is not to end in a film."""
    respx_mock.get(f"{URL}/{JOB}/srt").respond(200, html="<html>Sorry</html>")
    with pytest.raises(aai.ProtocolError, match="contains no captions: <html>Sorry") as caught:
        await client.subtitles(JOB, "srt")
    assert caught.value.transcript_id == JOB


async def test_words_are_searched_for(
    client: aai.Client, respx_mock: respx.MockRouter, sample: Sample
) -> None:
    """As one comma-joined value."""
    route = respx_mock.get(f"{URL}/{JOB}/word-search").respond(200, content=sample("word-search.ok.json"))
    found = await client.word_search(JOB, "smoke", "air quality", "R&D", "50%")
    assert route.calls.last.request.url.query == b"words=smoke%2Cair%20quality%2CR%26D%2C50%25"
    assert found.matches[0].text == "smoke"
    assert found.matches[0].timestamps[0] == (250, 650)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs at least one word"),
        (("a, b",), "without commas"),
        (("one two three four five six",), "one to five words"),
        (("",), "one to five words"),
        ((["smoke"],), "cannot be searched for"),
        (("word",) * 2000, "These 2000 words are too long for one request"),
        (("\ud800",), "cannot be encoded as a URL query"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused(
    client: aai.Client, respx_mock: respx.MockRouter, words: Any, said: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(aai.OptionsError, match=said):
        await client.word_search(JOB, *words)
    assert not respx_mock.calls


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "32"])
async def test_captions_of_no_width_are_refused(client: aai.Client, given: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(aai.OptionsError, match="chars_per_caption must be a whole number from 1"):
        await client.subtitles(JOB, "srt", chars_per_caption=given)


async def test_captions_of_an_unknown_kind_are_refused(client: aai.Client) -> None:
    """The service knows two."""
    with pytest.raises(aai.OptionsError, match="'srt' or 'vtt', not as 'ass'"):
        await client.subtitles(JOB, "ass")  # type: ignore[arg-type]


@pytest.mark.parametrize("transcript_id", ["", "../x", "a/b", "a?b", "%2e", None])
@pytest.mark.parametrize(
    "verb",
    [
        "get",
        "delete",
        "wait",
        "sentences",
        "paragraphs",
        "subtitles",
        "word_search",
        "redacted_audio",
        "save_redacted_audio",
        "understand",
    ],
)
async def test_an_id_that_would_change_the_address_is_refused_by_every_verb(
    client: aai.Client, respx_mock: respx.MockRouter, tmp_path: Path, verb: str, transcript_id: Any
) -> None:
    """Before an address is made of it."""
    task = aai.SpeechUnderstanding(action_items=aai.ActionItems())
    more: dict[str, tuple[Any, ...]] = {
        "subtitles": ("srt",),
        "word_search": ("smoke",),
        "save_redacted_audio": (tmp_path / "a.mp3",),
        "understand": (task,),
    }
    with pytest.raises(aai.OptionsError, match="is not a transcript id"):
        await getattr(client, verb)(transcript_id, *more.get(verb, ()))
    assert not respx_mock.calls


async def test_a_transcript_in_the_place_of_its_id_is_answered_with_what_to_give(client: aai.Client) -> None:
    """The message is short and on one line, whatever was given."""
    with pytest.raises(aai.OptionsError, match="Pass its attribute id") as caught:
        await client.get(aai.Transcript(id="a", status="completed", text="word " * 10_000))  # type: ignore[arg-type]
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("verb", ["get", "delete", "sentences", "paragraphs", "word_search"])
async def test_the_answer_for_another_transcript_is_never_given(
    client: aai.Client, respx_mock: respx.MockRouter, verb: str
) -> None:
    """A proxy that mixes up answers would hand out somebody else's text."""
    other = {"id": "of-another", "status": "completed", "text": "private"}
    respx_mock.route(path__startswith="/v2/transcript").respond(200, json=other)
    with pytest.raises(
        aai.ProtocolError, match=f"Transcript {JOB} was requested, but the service sent 'of-another'"
    ) as caught:
        await getattr(client, verb)(JOB, *(("smoke",) if verb == "word_search" else ()))
    assert caught.value.transcript_id == JOB
    assert "private" not in str(caught.value)


async def test_an_answer_that_is_cut_off_is_a_protocol_error_with_the_id(
    client: aai.Client, respx_mock: respx.MockRouter, sample: Sample
) -> None:
    """It shows at most 300 characters of what came."""
    respx_mock.get(f"{URL}/{JOB}").respond(200, content=sample("get-transcript.completed.json")[:9000])
    with pytest.raises(aai.ProtocolError, match="not a transcript") as caught:
        await client.get(JOB)
    assert caught.value.transcript_id == JOB
    assert len(str(caught.value)) < 600


# --- redacted audio


class Storage:
    """The service's redacted audio, and the storage that its address points to."""

    def __init__(self, mock: respx.MockRouter) -> None:
        self.looks = mock.get(f"{URL}/{JOB}/redacted-audio")
        self.looks.side_effect = [
            httpx.Response(202, text="not JSON"),
            httpx.Response(200, json={"status": "being_made"}),
            httpx.Response(200, json={"status": "redacted_audio_ready", "redacted_audio_url": AUDIO_URL}),
        ]
        self.fetches = mock.get(AUDIO_URL).respond(200, content=b"masked" * 1000)


@pytest.fixture
def storage(respx_mock: respx.MockRouter) -> Storage:
    respx_mock._assert_all_called = False
    return Storage(respx_mock)


async def test_a_look_says_whether_the_redacted_audio_is_ready(client: aai.Client, storage: Storage) -> None:
    """A 202 is a look like any other; so is a 200 without an address."""
    looks = [await client.redacted_audio(JOB) for _ in range(3)]
    assert [look.is_ready for look in looks] == [False, False, True]
    assert [look.status for look in looks] == ["pending", "being_made", "redacted_audio_ready"]
    assert looks[2].redacted_audio_url == AUDIO_URL
    assert "secret" not in repr(looks[2])


async def test_the_redacted_audio_is_waited_for_and_saved_without_the_key(
    client: aai.Client, storage: Storage, tmp_path: Path
) -> None:
    """The storage is somebody else's; whoever has the address needs no key."""
    path = tmp_path / "masked.mp3"
    path.write_bytes(b"an older one")
    before = open_files()
    await client.save_redacted_audio(JOB, path)
    assert path.read_bytes() == b"masked" * 1000
    assert os.listdir(tmp_path) == ["masked.mp3"]
    assert storage.looks.call_count == 3
    assert "authorization" not in storage.fetches.calls.last.request.headers
    assert open_files() == before


async def test_a_client_of_the_callers_own_gives_nothing_away_either(
    storage: Storage, tmp_path: Path
) -> None:
    """It may send a key and cookies with all that it sends."""
    secrets = {"authorization": "mine", "cookie": "session=mine", "x-api-key": "mine"}
    async with httpx.AsyncClient(headers=secrets, params={"token": "mine"}, auth=("me", "mine")) as http:
        polling = aai.Polling(initial_delay=0, pace=0)
        async with aai.Client(KEY, base_url=URL[:-14], http_client=http, polling=polling) as client:
            await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    sent = storage.fetches.calls.last.request
    assert not secrets.keys() & set(sent.headers)
    assert sent.url.query == b"signature=secret"
    assert storage.looks.calls.last.request.headers["authorization"] == KEY


async def test_an_empty_file_takes_no_place(client: aai.Client, storage: Storage, tmp_path: Path) -> None:
    """And a storage that sends elsewhere is not followed."""
    (tmp_path / "masked.mp3").write_bytes(b"an older one")
    for reply in (httpx.Response(200, content=b""), httpx.Response(307, headers={"location": "https://b"})):
        storage.looks.side_effect = None
        storage.looks.return_value = httpx.Response(200, json={"redacted_audio_url": AUDIO_URL})
        storage.fetches.return_value = reply
        with pytest.raises(aai.ProtocolError, match=r"(an empty file|redirects are not followed)"):
            await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    assert (tmp_path / "masked.mp3").read_bytes() == b"an older one"


async def test_an_address_that_lets_in_whoever_has_it_is_in_no_log_and_no_message(
    client: aai.Client, storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the HTTP library's own, nor where a storage says it back."""
    storage.fetches.respond(404, text=f"<Error>{AUDIO_URL}</Error>")
    with caplog.at_level("DEBUG"), pytest.raises(aai.RedactedAudioError) as caught:
        await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    assert "storage.example.com" in caplog.text
    assert "secret" not in caplog.text + str(caught.value) + caught.value.reply


async def test_a_download_that_breaks_begins_anew(
    client: aai.Client, storage: Storage, tmp_path: Path
) -> None:
    """What the first attempt wrote is not in the file."""

    class Breaking(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half of it, and longer than the whole" * 1000
            raise httpx.ReadError("reset")

    storage.fetches.side_effect = [
        httpx.Response(200, stream=Breaking()),
        httpx.Response(503, text="busy"),
        httpx.Response(200, content=b"whole"),
    ]
    await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    assert (tmp_path / "masked.mp3").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("look", "kind", "said"),
    [
        (
            httpx.Response(400, json={"error": "Redacted audio has expired"}),
            aai.RedactedAudioError,
            "has expired. Redacted audio needs redact_pii_audio=True and is kept for 24 hours",
        ),
        (
            httpx.Response(400, json={"error": "Transcript lookup error, transcript id not found"}),
            aai.NotFoundError,
            "Check the id",
        ),
        (httpx.Response(401, json={"error": "Authentication error"}), aai.AccountError, "Check the API key"),
    ],
)
async def test_a_redacted_recording_that_is_not_there_says_why(
    client: aai.Client, storage: Storage, tmp_path: Path, look: httpx.Response, kind: Any, said: str
) -> None:
    """And what stood at the path stands there still."""
    (tmp_path / "masked.mp3").write_bytes(b"an older one")
    storage.looks.side_effect = [look, look]
    for ask in (client.redacted_audio(JOB), client.save_redacted_audio(JOB, tmp_path / "masked.mp3")):
        with pytest.raises(kind, match=said) as caught:
            await ask
        assert caught.value.transcript_id == JOB
    assert (tmp_path / "masked.mp3").read_bytes() == b"an older one"
    assert os.listdir(tmp_path) == ["masked.mp3"]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_an_address_that_has_run_out_says_so(
    client: aai.Client, storage: Storage, tmp_path: Path, status: int
) -> None:
    """It is no fault of the account, whatever the storage's status suggests."""
    storage.fetches.respond(status, text="<Error><Code>AccessDenied</Code></Error>")
    with pytest.raises(aai.RedactedAudioError, match="URL has expired") as caught:
        await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://storage.example.com/a.mp3", "file:///etc/passwd", "https://", "http://["]
)
async def test_an_address_that_is_not_safe_is_not_used(
    client: aai.Client, respx_mock: respx.MockRouter, tmp_path: Path, address: str
) -> None:
    """The recording would travel in the clear, or come from nobody knows where."""
    respx_mock.get(f"{URL}/{JOB}/redacted-audio").respond(
        200, json={"status": "redacted_audio_ready", "redacted_audio_url": address}
    )
    with pytest.raises(aai.ProtocolError, match="not https://"):
        await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")


async def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_asked(
    client: aai.Client, respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    """A directory, a folder that is not there, or something below a file."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "nowhere" / "a.mp3", tmp_path / "file" / "a.mp3"):
        with pytest.raises(aai.SaveError, match=r"(is a directory|cannot be written)") as caught:
            await client.save_redacted_audio(JOB, path)
        assert caught.value.transcript_id == JOB
    assert not respx_mock.calls


async def test_a_disk_that_is_full_is_an_error_of_ours(
    client: aai.Client, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not taken for a broken connection, which would be tried again."""

    def full(self: Any, content: bytes) -> None:
        with self._writing():
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("aai_async._io.file.AtomicFile._write", full)
    with pytest.raises(aai.SaveError, match="No space left on device"):
        await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
    assert storage.fetches.call_count == 1
    assert os.listdir(tmp_path) == []


async def test_a_download_that_is_cancelled_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    """No half-written file, no open one, and the client goes on."""

    class Hanging(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half" * 100_000
            await anyio.sleep_forever()

    storage.fetches.side_effect = [httpx.Response(200, stream=Hanging())]
    polling = aai.Polling(initial_delay=0, pace=0)
    async with aai.Client(KEY, base_url=URL[:-14], polling=polling) as client:
        before = open_files()
        with anyio.move_on_after(0.3) as scope:
            await client.save_redacted_audio(JOB, tmp_path / "masked.mp3")
        assert open_files() == before
    assert scope.cancelled_caught
    assert os.listdir(tmp_path) == []


# --- speech understanding

TASK = aai.SpeechUnderstanding(
    speaker_identification=aai.SpeakerIdentification(speaker_type="role", known_values=["Agent", "Customer"])
)
UNDERSTOOD = {
    "request_id": "r",
    "speech_understanding": {
        "response": {"speaker_identification": {"status": "success", "mapping": {"A": "Agent"}}}
    },
    "utterances": [{"speaker": "Agent", "text": "Hi", "start": 1, "end": 2, "words": []}],
}


async def test_a_finished_transcript_can_be_asked_about(respx_mock: respx.MockRouter) -> None:
    """The LLM Gateway of the region is asked, with the same key."""
    route = respx_mock.post("https://llm-gateway.eu.assemblyai.com/v1/understanding").respond(
        200, json=UNDERSTOOD
    )
    async with aai.Client(KEY, region="eu") as client:
        understanding = await client.understand(JOB, TASK)
    request = route.calls.last.request
    assert request.headers["authorization"] == KEY
    assert json.loads(request.content) == {"transcript_id": JOB, "speech_understanding": TASK.payload()}
    assert understanding.speech_understanding is not None
    assert understanding.speech_understanding.response is not None
    assert understanding.speech_understanding.response.speaker_identification is not None
    assert understanding.speech_understanding.response.speaker_identification.mapping == {"A": "Agent"}
    assert understanding.utterances is not None
    assert understanding.utterances[0].speaker == "Agent"


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (
            400,
            {"message": "Bad task", "request_id": "r1", "metadata": {"errors": ["'xx' is no language"]}},
            aai.RejectedError,
            r"Bad task; 'xx' is no language \(request id r1\)\.",
        ),
        (401, {"error": "Unauthorized", "status": "error"}, aai.AccountError, "Unauthorized"),
        (429, {"message": "Slow down"}, aai.RateLimitError, "Slow down"),
    ],
)
async def test_the_gateways_own_way_to_refuse_is_understood(
    respx_mock: respx.MockRouter, status: int, body: dict[str, Any], kind: Any, said: str
) -> None:
    """It has other error bodies than the API."""
    respx_mock.post("https://gateway.example.com/v1/understanding").respond(status, json=body)
    retry = aai.Retry(attempts=1)
    async with aai.Client(KEY, gateway_url="https://gateway.example.com", retry=retry) as client:
        with pytest.raises(kind, match=said) as caught:
            await client.understand(JOB, TASK)
    assert (caught.value.operation, caught.value.transcript_id) == ("understand", JOB)


async def test_another_host_does_not_tell_where_the_gateway_is(client: aai.Client) -> None:
    """The key is not to go to a host that nobody named."""
    with pytest.raises(aai.ConfigError, match=r"give Client\(gateway_url=...\)"):
        await client.understand(JOB, TASK)
    with pytest.raises(aai.ConfigError, match=r"task must be aai.SpeechUnderstanding\(...\), not dict"):
        await client.understand(JOB, TASK.payload())  # type: ignore[arg-type]
    with pytest.raises(aai.ConfigError, match=r"gateway_url is http:// to example\.com"):
        aai.Client(KEY, gateway_url="http://example.com")
