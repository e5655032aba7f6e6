"""The pytest plugin, as those who install it have it."""

from __future__ import annotations

import importlib.util
import re
from importlib.machinery import ModuleSpec
from pathlib import Path

import anyio
import httpx
import pytest

import aai_async as aai
from aai_async._command_lines import install_command
from aai_async.server import LocalServer, ScriptedEngine, SpeechRequest
from aai_async.testing import ScriptedServer

pytest_plugins = ["pytester"]

URL = "https://example.com/calls/monday.mp3"

# Loaded before the tests, for pytester unloads what its inner runs have loaded, and the names are lazy.
CLIENT = aai.Client

USERS_TESTS = """
import pytest
import aai_async as aai

pytestmark = pytest.mark.anyio

@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param

async def test_a_call_is_transcribed(aai_server, aai_client):
    aai_server.hears("Good morning.")
    aai_server.fault("GET /v2/transcript/*", status=502)
    async with aai_client:
        transcript = await aai_client.transcribe(b"a recording")
    assert transcript.text == "Good morning."
    assert aai_server.count("POST /v2/transcript") == 1

async def test_the_environment_names_the_server(aai_server):
    async with aai.Client() as client:
        await client.upload(b"a recording")
    assert aai_server.requests[0].body == b"a recording"
"""


def test_the_fixtures_are_there(pytester: pytest.Pytester) -> None:
    """On asyncio and on trio, and without another line."""
    pytester.makepyfile(USERS_TESTS)
    pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly").assert_outcomes(
        passed=4
    )


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the tests, which is small, and not the embedded server with its speech engine."""
    find = importlib.util.find_spec

    def without_a_web_server(name: str) -> ModuleSpec | None:
        return None if name == "uvicorn" else find(name)

    monkeypatch.setattr("importlib.util.find_spec", without_a_web_server)
    with pytest.raises(aai.ConfigError, match=re.escape(install_command("testing"))):
        ScriptedServer()


def test_the_test_of_the_documentation_passes(pytester: pytest.Pytester) -> None:
    """Pasted as it stands into an empty folder."""
    page = (Path(__file__).parents[2] / "docs/testing.md").read_text(encoding="utf-8")
    block = next(one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "(aai_server" in one)
    pytester.makepyfile(block)
    pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly").assert_outcomes(
        passed=2
    )


async def test_a_job_fails_as_it_is_told() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fails("Audio duration is too short.")
        with pytest.raises(aai.TranscriptError, match="Audio duration is too short"):
            await client.transcribe(URL)


async def test_the_newest_model_is_taken() -> None:
    """Tests of users who follow the service's migration guide of November 2026 pass."""
    newest = aai.Options(speech_models=["assemblyai-stt-3-7", "universal-2"])
    async with ScriptedServer().in_process() as server, server.client() as client:
        transcript = await client.transcribe(URL, newest)
    assert transcript.speech_models == ("assemblyai-stt-3-7", "universal-2")
    assert transcript.speech_model_used == "assemblyai-stt-3-7"
    assert transcript.metadata == {"local_engine": "scripted"}


async def test_what_the_service_has_added_since_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    """A model, a parameter, a key and a value of next year are echoed, and logged once each by the server."""
    asked = {
        "speech_models": ["assemblyai-stt-9"],
        "mood": {"valence": 0.5},
        "speaker_labels": True,
        "speaker_options": {"max_speakers_expected": 2, "voices": "loud"},
        "remove_audio_tags": "noise",
    }
    async with ScriptedServer().in_process() as server, server.client() as client:
        transcript = await client.transcribe(URL, aai.Options.from_dict(asked))
        await client.transcribe(URL, aai.Options.from_dict(asked))
    assert {name: transcript.raw[name] for name in asked} == asked
    assert transcript.speech_model_used == "assemblyai-stt-9"
    assert (transcript.metadata or {})["local_engine"] == "scripted"
    ignored = ("parameter 'speaker_options.voices'", "parameter 'mood'", "value 'noise' of remove_audio_tags")
    assert transcript.warnings == (
        *(f"The {name} is unknown to this server and was ignored" for name in ignored),
        "The speech model 'assemblyai-stt-9' is unknown to this server; scripted ran",
    )
    logged = [one.getMessage() for one in caplog.records if one.name == "aai_async.server.policy"]
    unknown = [one for one in logged if "is unknown to this server" in one]
    assert len(unknown) == len(set(unknown)) == 4


async def test_a_strict_server_says_which_option_was_meant() -> None:
    """From when it is set on, in this event loop."""
    misspelt = aai.Options(extra={"speaker_lables": True})
    async with ScriptedServer().in_process() as server, server.client() as client:
        await client.transcribe(URL, misspelt)
        server.strict = True
        with pytest.raises(aai.RejectedError, match="Did you mean 'speaker_labels'"):
            await client.transcribe(URL, misspelt)
        assert server.strict


async def test_strictness_holds_over_a_port_and_for_a_server_of_ones_own() -> None:
    """Set before or after it listens, or when it is made."""
    misspelt = aai.Options(extra={"speaker_lables": True})
    server = ScriptedServer()
    server.strict = True
    with server:
        async with server.client() as client:
            with pytest.raises(aai.RejectedError, match="speaker_labels"):
                await client.transcribe(URL, misspelt)
            server.strict = False
            await client.transcribe(URL, misspelt)
    with LocalServer(engine=ScriptedEngine(), strict=True) as strict:
        async with aai.Client(strict.key, base_url=strict.base_url) as client:
            with pytest.raises(aai.RejectedError, match="speaker_labels"):
                await client.submit(URL, misspelt)


async def test_the_account_decides_on_the_model_where_none_is_named() -> None:
    """An account that stays with universal-2 leaves out hesitations (page on model versions)."""
    server = ScriptedServer()
    server.hears("Um, hello.")
    server.speech_models = ["universal-2"]
    async with server.in_process(), server.client() as client:
        transcript = await client.transcribe(URL)
        assert (transcript.text, transcript.speech_model_used) == ("Hello.", "universal-2")
        server.speech_models = ["assemblyai-stt-3-7"]
        assert (await client.transcribe(URL)).text == "Um, hello."
    assert server.speech_models == ["assemblyai-stt-3-7"]


async def test_a_script_hears_each_recording() -> None:
    """A plain function or an async one, that sees what was asked for."""

    async def name(request: SpeechRequest) -> str:
        return f"{request.audio.name} {request.speaker_labels}"

    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears(name)
        assert (await client.transcribe(URL, aai.Options(speaker_labels=True))).text == "monday.mp3 True"


async def test_faults_take_their_turns() -> None:
    """Each for as many requests as it is told, one after the other."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fault("POST /v2/upload", status=429, headers={"Retry-After": "0"}, times=2)
        server.fault("POST /v2/upload", status=500, on=1)
        server.fault("GET /v2/*", delay=0.05)
        await client.transcribe(b"a recording")
    uploads = [one for one in server.requests if one.path == "/v2/upload"]
    assert len(uploads) == 4
    assert {one.size for one in uploads} == {11}


async def test_a_rate_limit_that_never_ends_is_raised_soon() -> None:
    """Nobody waits for twenty minutes in a test."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fault("POST /v2/upload", status=429, times=1000)
        with anyio.fail_after(60), pytest.raises(aai.RateLimitError):
            await client.upload(b"a recording")
        server.drop_faults()


async def test_what_has_come_can_be_looked_at() -> None:
    """All but the key."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        await client.transcribe(URL, aai.Options(language_code="en"))
        assert [one async for one in client.list()]
    submit, *_, listing = server.requests
    assert submit.json["audio_url"] == URL
    assert "authorization" not in submit.headers
    assert (listing.method, listing.path) == ("GET", "/v2/transcript")
    assert server.key not in repr(server.requests)


@pytest.mark.parametrize("fault", [{"status": 500, "on": 0}, {"status": 500, "times": 0}, {}])
def test_a_fault_that_cannot_be_meant_is_refused(fault: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least|requires a status"):
        ScriptedServer().fault("GET *", **fault)  # type: ignore[arg-type]  # one of them at a time


async def test_a_failing_test_shows_its_own_error() -> None:
    """Not a group of them."""
    with pytest.raises(KeyError, match="mine"):
        async with ScriptedServer().in_process():
            raise KeyError("mine")


def test_the_server_serves_where_there_is_no_loop() -> None:
    """With what stands before it."""
    paths: list[str] = []

    def noting(app: object) -> object:
        async def note(scope: dict[str, str], receive: object, send: object) -> None:
            paths.append(scope["path"])
            await app(scope, receive, send)  # type: ignore[operator]  # an application of ASGI

        return note

    with LocalServer(engine=ScriptedEngine(), middleware=noting) as server:  # type: ignore[arg-type]  # the same
        assert httpx.get(f"{server.base_url}/v2/transcript").status_code == 401
    assert paths == ["/v2/transcript"]
