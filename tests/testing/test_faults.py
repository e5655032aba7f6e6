"""The faults that a test injects."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aai_async as aai
from aai_async.testing import ScriptedServer

pytest_plugins = ["pytester"]

TESTS = """
import httpx
import pytest

def test_misspelt(aai_server):
    aai_server.fault("GET /v2/transcirpt*", status=502)
    httpx.get(aai_server.base_url + "/v2/transcript")

def test_too_late(aai_server):
    aai_server.fault("GET /v2/transcript*", status=502, on=2)
    httpx.get(aai_server.base_url + "/v2/transcript")

def test_used(aai_server):
    aai_server.fault("GET /v2/transcript*", status=502, times=100)
    httpx.get(aai_server.base_url + "/v2/transcript")

def test_fails_for_a_reason_of_its_own(aai_server):
    aai_server.fault("GET /v2/transcript*", status=502)
    assert False, "mine"

def test_skipped(aai_server):
    aai_server.fault("GET /v2/transcript*", status=502)
    pytest.skip("not today")
"""


@contextlib.asynccontextmanager
async def opened(where: str) -> AsyncIterator[ScriptedServer]:
    if where == "port":
        with ScriptedServer() as server:
            yield server
    else:
        async with ScriptedServer().in_process() as server:
            yield server


def test_a_fault_that_affected_no_request_fails_its_test(pytester: pytest.Pytester) -> None:
    """With the requests that were made; a test that fails for another reason shows only that reason."""
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=3, skipped=1, errors=0)
    output = result.stdout.str()
    message = (
        "No request was affected by the fault 'GET /v2/transcirpt*'. The requests were: GET /v2/transcript."
    )
    assert message in output
    assert output.count("No request was affected by the fault 'GET /v2/transcript*'") > 0
    assert "AssertionError: mine" in output


@pytest.mark.parametrize("where", ["port", "process"])
async def test_the_end_of_a_server_reports_a_fault_that_affected_no_request(where: str) -> None:
    with pytest.raises(
        AssertionError, match=r"'GET /nothing' nor by 'POST /nothing'\. The requests were: none"
    ):
        async with opened(where) as server:
            server.fault("GET /nothing", status=500)
            server.fault("POST /nothing", delay=1.0)
    with pytest.raises(KeyError, match="mine"):
        async with opened(where) as server:
            server.fault("GET /nothing", status=500)
            raise KeyError("mine")


@pytest.mark.parametrize("where", ["port", "process"])
async def test_a_cut_connection_is_an_error_of_the_network(where: str) -> None:
    async with opened(where) as server, server.client(retry=aai.Retry(attempts=1)) as client:
        server.fault("GET /v2/transcript/*", cut="request")
        with pytest.raises(aai.TransportError):
            await client.get("3f1c")
        server.fault("GET /v2/transcript/*", cut="response")
        with pytest.raises(aai.TransportError):
            await client.get("3f1c")


@pytest.mark.parametrize("where", ["port", "process"])
@pytest.mark.parametrize(("cut", "jobs"), [("request", 0), ("response", 1)])
async def test_a_cut_request_has_no_effect_and_a_cut_response_has_one(
    where: str, cut: Any, jobs: int
) -> None:
    """To the client both are the same: it does not know whether a job exists."""
    async with opened(where) as server, server.client(on_ambiguous="raise") as client:
        server.fault("POST /v2/transcript", cut=cut)
        with pytest.raises(aai.AmbiguousSubmitError):
            await client.transcribe(b"a recording")
        assert len([one async for one in client.list()]) == jobs


async def test_a_job_whose_submit_lost_its_response_is_found() -> None:
    async with opened("process") as server, server.client() as client:
        server.fault("POST /v2/transcript", cut="response")
        transcript = await client.transcribe(b"a recording")
        assert [one.id async for one in client.list()] == [transcript.id]
    assert server.count("POST /v2/transcript") == 1


@pytest.mark.parametrize("where", ["port", "process"])
@pytest.mark.parametrize(
    "options",
    [
        aai.Options(),
        aai.Options(speaker_labels=True),
        aai.Options(speech_models=["assemblyai-stt-3-7", "universal-2"]),
        aai.Options(speech_models=["universal-2"]),
        aai.Options(disfluencies=False),
        aai.Options(language_detection=True),
    ],
    ids=repr,
)
async def test_a_job_of_a_url_is_found_whichever_options_the_service_adds(
    where: str, options: aai.Options
) -> None:
    """Such as the model of the account, and the hesitations that the newest models keep."""
    async with opened(where) as server, server.client() as client:
        server.fault("POST /v2/transcript", cut="response")
        transcript = await client.transcribe("https://files.example/talk.mp3", options)
        assert [one.id async for one in client.list()] == [transcript.id]
    assert server.count("POST /v2/transcript") == 1


async def test_an_upload_whose_connection_is_cut_is_repeated() -> None:
    with ScriptedServer() as server:
        server.fault("POST /v2/upload", cut="request", times=2)
        async with server.client() as client:
            assert (await client.transcribe(b"x" * 300_000)).text == "Hello there."
    assert [one.size for one in server.requests if one.path == "/v2/upload"] == [300_000] * 3


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"cut": "upload"}, "'request' or 'response', not 'upload'"),
        ({"cut": "request", "status": 500}, "not both"),
    ],
)
def test_a_cut_that_cannot_be_meant_is_refused(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScriptedServer().fault("GET *", **fault)
