"""Whatever goes wrong, neither the key nor what was recorded or said stands in an error or in a log."""

from __future__ import annotations

import asyncio
import logging
import pickle
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import anyio
import faults
import pytest
from fault_server import Exchange, FaultServer
from hypothesis import given
from hypothesis import strategies as st
from lanes import KEY, LANES, Connect, Lane
from secrecy import whole_traceback

import aai_async as aai
from aai_async._shown_text import escaped

RECORDING = b"RIFF-what-the-microphone-heard" * 10
SAID = "What was said."
"""The text of every transcript of the fault server."""
SIGNED = "https://bucket.example.com/call.mp3?X-Signature=sesame-of-the-bucket"

Run = Callable[[aai.Client], Coroutine[Any, Any, object]]


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error with all that it has as cause or as context, and what is in a group."""
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        left += one.exceptions if isinstance(one, BaseExceptionGroup) else []


def all_of(error: BaseException) -> str:
    """Give whatever of an error may be shown somewhere."""
    texts = [whole_traceback(error, __file__)]
    for one in chain_of(error):
        texts += [str(one), repr(one), repr(one.args), repr(vars(one)), repr(getattr(one, "__notes__", ""))]
    return "\n".join(texts)


def all_logged(caplog: pytest.LogCaptureFixture) -> str:
    """Give all records of all loggers, with what they were made of."""
    return "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records) + caplog.text


class Failure:
    """A way to fail: what the server does, how the client is set up, what is called, and what it raises."""

    def __init__(
        self,
        kind: type[BaseException],
        pattern: str = "",
        fault: Any = None,
        call: Run = lambda client: client.transcribe(RECORDING),
        **settings: Any,
    ) -> None:
        self.kind = kind
        self.pattern = pattern
        self.fault = fault
        self.call = call
        self.settings = {"retry": aai.Retry(initial_delay=0.01, attempts=2), **settings}

    async def happens(self, server: FaultServer, connect: Connect) -> tuple[BaseException, str]:
        """Make it happen; gives what was raised, and what the client shows of itself."""
        if self.fault is not None:
            server.always(self.pattern, self.fault)
        events: list[aai.Event] = []
        error: BaseException | None = None
        async with connect(on_event=events.append, **self.settings) as client:
            try:
                await self.call(client)
            except BaseException as caught:  # noqa: BLE001 - a cancellation, too
                error = caught
            http, connections = client._pipeline.sender, client._pipeline.sender._pool
            shown = [client, vars(client), vars(http), vars(connections), events]
            # There is none for now after an attempt that broke off.
            shown += [vars(one) for one in (connections._client,) if one is not None]
        assert isinstance(error, self.kind)
        told = [all_of(event.error) for event in events if isinstance(event, aai.Retrying)]
        return error, repr(shown) + "".join(told)


async def in_time(client: aai.Client) -> None:
    with anyio.fail_after(0.2):
        await client.transcribe(RECORDING)


async def from_a_broken_stream(client: aai.Client) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield RECORDING
        raise KeyError("a bug")

    await client.transcribe(stream())


async def echo(exchange: Exchange) -> None:
    """Refuse a request with all that was in it, as a proxy does that is being debugged."""
    body = await exchange.read_body()
    page = f"<pre>{exchange.request.headers}</pre><pre>{body.decode('latin-1')}</pre>"
    await faults.status(502, body=page.encode())(exchange)


ONCE = aai.Retry(attempts=1)
LOOKS: dict[str, Any] = {"polling": aai.Polling(initial_delay=0.01, max_delay=0.01, give_up_after=0.05)}
SUBMIT = "POST /v2/transcript"
FAILURES: dict[str, Failure] = {
    "refused": Failure(aai.ConnectError, base_url="http://127.0.0.1:9"),
    "no-tls": Failure(aai.ConnectError, base_url="https://127.0.0.1:9"),
    "reset-before": Failure(aai.TransportError, "*", faults.reset_before_body()),
    "reset-after": Failure(aai.TransportError, "*", faults.reset_after_body()),
    "reset-in-head": Failure(aai.TransportError, "*", faults.reset_in_reply_head()),
    "reset-in-body": Failure(aai.TransportError, "*", faults.reset_in_reply_body()),
    "closed": Failure(aai.TransportError, "*", faults.close()),
    "cut": Failure(aai.TransportError, "*", faults.cut_body()),
    "chunking": Failure(aai.TransportError, "*", faults.bad_chunking()),
    "hangs": Failure(aai.AttemptTimeoutError, "*", faults.hang(), timeouts=aai.Timeouts(reply=0.1)),
    "stalls": Failure(aai.AttemptTimeoutError, "*", faults.hang(), timeouts=aai.Timeouts(stall=0.1)),
    "401": Failure(aai.AccountError, "*", faults.status(401, body=b'{"error": "invalid"}')),
    "403": Failure(aai.AccountError, "*", faults.status(403)),
    "404": Failure(aai.NotFoundError, "*", faults.status(404)),
    "413": Failure(aai.RejectedError, "*", faults.early_413()),
    "429": Failure(aai.RateLimitError, "*", faults.status(429, headers={"retry-after": "3600"})),
    "500": Failure(aai.ServerError, "*", faults.status(500)),
    "204": Failure(aai.ProtocolError, "*", faults.status(204)),
    "html": Failure(aai.ProtocolError, "*", faults.html()),
    "json": Failure(aai.ProtocolError, "*", faults.reply_json([None])),
    "bomb": Failure(aai.ProtocolError, "*", faults.gzip_bomb(80), retry=ONCE),
    "encoded": Failure(aai.ProtocolError, "*", faults.encoded("br", b"??")),
    "redirect": Failure(aai.RejectedError, "*", faults.redirect("https://evil.test/")),
    "deadline": Failure(aai.DeadlineError, "GET *", faults.status(500), **LOOKS),
    "given-up": Failure(TimeoutError, "*", faults.hang(), in_time),
    "lost-submit": Failure(aai.AmbiguousSubmitError, SUBMIT, faults.reset_after_body(), on_ambiguous="raise"),
    "odd-submit": Failure(aai.AmbiguousSubmitError, SUBMIT, faults.html(), on_ambiguous="raise"),
    "budget": Failure(
        aai.RetryBudgetError, "*", faults.status(500), retry=aai.Retry(initial_delay=0.01, budget=6)
    ),
    "budget-reset": Failure(
        aai.RetryBudgetError, "*", faults.reset_after_body(), retry=aai.Retry(initial_delay=0.01, budget=6)
    ),
    "stream": Failure(aai.SourceError, call=from_a_broken_stream),
    "no-file": Failure(aai.SourceError, call=lambda client: client.upload("missing.wav")),
    "id": Failure(aai.OptionsError, call=lambda client: client.get("../x")),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_the_key_is_in_nothing_that_a_failure_leaves(
    server: FaultServer,
    connect: Connect,
    lane: Lane,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    """Not in an error, its causes, tracebacks with variables, pickles, events, or the log of any library."""
    caplog.set_level(logging.DEBUG)
    error, shown = await FAILURES[name].happens(server, connect)
    for where, text in {"error": all_of(error), "client": shown, "log": all_logged(caplog)}.items():
        assert KEY not in text, where
        assert KEY.encode().hex() not in text, where
    for one in chain_of(error):
        if isinstance(one, aai.AAIError):
            assert KEY.encode() not in pickle.dumps(one)


@pytest.mark.parametrize("name", FAILURES)
async def test_what_was_recorded_is_in_no_message_and_no_log(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A log is read by more people than a recording is meant for."""
    caplog.set_level(logging.DEBUG)
    error, _ = await FAILURES[name].happens(server, connect)
    texts = [text for one in chain_of(error) for text in (str(one), repr(one))]
    assert RECORDING[:30].decode() not in "".join(texts) + all_logged(caplog)


async def test_a_service_that_says_back_what_it_got_gives_away_300_letters_at_the_most(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """They are shown to whoever asked, and stand in no log of ours."""
    caplog.set_level(logging.DEBUG, "aai_async")
    server.always("POST *", echo)
    async with connect(retry=ONCE) as client:
        with pytest.raises(aai.ServerError) as caught:
            await client.upload(RECORDING)
    assert len(caught.value.reply) <= 300
    assert KEY not in caplog.text
    assert "microphone" not in caplog.text


class TestOfAsyncio:
    """Cancellations that come from asyncio itself, whose tracebacks lead to where the task was."""

    @pytest.fixture(params=[lane for lane in LANES if lane.backend == "asyncio"], ids=lambda lane: lane.name)
    def lane(self, request: pytest.FixtureRequest) -> Lane:
        return request.param  # type: ignore[no-any-return]

    @pytest.mark.parametrize("pattern", ["POST /v2/upload", "POST /v2/transcript", "GET *"])
    async def test_the_key_is_in_no_traceback_of_a_cancellation(
        self,
        server: FaultServer,
        connect: Connect,
        lane: Lane,
        request: pytest.FixtureRequest,
        pattern: str,
    ) -> None:
        """A tool that keeps the variables of tracebacks would keep it with them."""
        server.always(pattern, faults.hang())
        async with connect(timeouts=aai.Timeouts(cancel_grace=0.05)) as client:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.2):
                    await client.transcribe(RECORDING)
        assert KEY not in all_of(caught.value)


# What is logged.


@pytest.fixture
def our_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "aai_async")
    return caplog


def lines_of(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    ours = [record for record in caplog.records if record.name == "aai_async"]
    return [record.getMessage() for record in ours if record.levelno == level]


async def test_each_attempt_is_one_line_and_each_repetition_one_more(
    server: FaultServer, connect: Connect, our_log: pytest.LogCaptureFixture
) -> None:
    """With the method, the path, what came of it and how long it took; nothing louder is said."""
    server.on("POST /v2/upload", faults.status(503), faults.reset_after_body())
    server.on("POST /v2/transcript", faults.status(429))
    async with connect() as client:
        transcript = await client.transcribe(RECORDING)
        _ = [item async for item in client.list(created_on="2026-11-24")]
        await client.word_search(transcript.id, "sesame")
        await client.delete(transcript.id)
    of_job = f"/v2/transcript/{transcript.id}"
    expected = [
        "POST /v2/upload: ServerError",
        "POST /v2/upload: TransportError",
        "POST /v2/upload: 200",
        "POST /v2/transcript: RateLimitError",
        "POST /v2/transcript: 200",
        f"GET {of_job}: 200",
        "GET /v2/transcript: 200",
        f"GET {of_job}/word-search: 200",
        f"DELETE {of_job}: 200",
    ]
    attempts = lines_of(our_log, logging.DEBUG)
    assert len(attempts) == len(server.requests)
    for line, start in zip(attempts, expected, strict=True):
        # A refusal has a status of its own, or is named by its error.
        shape = re.fullmatch(r"(\w+ /\S+): (\d{3}|\w+Error), \d+ ms", line)
        assert shape is not None, line
        assert shape[1] == start.partition(": ")[0]
    retries = [line for line in lines_of(our_log, logging.INFO) if not line.startswith("throttled:")]
    assert retries == [
        line
        for line in retries
        if re.fullmatch(r"(upload|submit): attempt \d failed \(\w+\), again in \d+\.\d s", line)
    ]
    assert len(retries) == 3
    # Of the rate limit, for all calls.
    assert len(lines_of(our_log, logging.INFO)) == 4
    assert lines_of(our_log, logging.WARNING) == lines_of(our_log, logging.ERROR) == []


@pytest.mark.parametrize("quiet", [logging.INFO, logging.WARNING])
async def test_a_log_that_is_not_asked_for_is_not_written(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture, quiet: int
) -> None:
    """Nothing goes wrong, so there is nothing to say."""
    caplog.set_level(quiet, "aai_async")
    async with connect() as client:
        await client.transcribe(RECORDING)
    assert [record for record in caplog.records if record.name == "aai_async"] == []


async def test_what_was_said_and_what_lets_in_whoever_has_it_are_in_no_log(
    server: FaultServer, connect: Connect, our_log: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Neither when all goes well, nor when a transcript cannot be read or an address is said back."""
    signed = f"{server.url}/files/masked.mp3?X-Signature=sesame-of-the-service"
    ready = {"status": "redacted_audio_ready", "redacted_audio_url": signed}
    server.always("GET /v2/transcript/*/redacted-audio", faults.reply_json(ready))
    server.on("GET /files/*", faults.status(403, body=f"<Error>{signed}</Error>".encode()))
    async with connect() as client:
        transcript = await client.transcribe(SIGNED)
        assert transcript.text == SAID
        await client.sentences(transcript.id)
        await client.subtitles(transcript.id, "srt")
        await client.word_search(transcript.id, "sesame")
        with pytest.raises(aai.APIError):
            await client.save_redacted_audio(transcript.id, tmp_path / "a.mp3")
        await client.save_redacted_audio(transcript.id, tmp_path / "a.mp3")
        broken = f'{{"id": "{transcript.id}", "status": "completed", "text": "{SAID}", '
        server.always("GET *", faults.reply_json(broken.encode()))
        with pytest.raises(aai.ProtocolError):
            await client.get(transcript.id)
        server.always("POST *", faults.status(400, body=f'{{"error": "cannot fetch {SIGNED}"}}'.encode()))
        with pytest.raises(aai.RejectedError) as caught:
            await client.submit(SIGNED)
    text = all_logged(our_log).replace(SIGNED.partition("?")[0], "")
    for secret in (SAID, "sesame", "X-Signature", KEY):
        ours = "".join(f"{record.__dict__!r}" for record in our_log.records if record.name == "aai_async")
        assert secret not in ours
    assert KEY not in text
    assert "sesame" not in str(caught.value) + repr(caught.value) + caught.value.reply


async def test_a_lost_submit_of_a_signed_address_does_not_show_it(
    server: FaultServer, connect: Connect, our_log: pytest.LogCaptureFixture
) -> None:
    """The error has it for whoever handles it, and shows it without its query."""
    server.always("POST *", faults.reset_after_body())
    async with connect(on_ambiguous="raise") as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(SIGNED)
    assert caught.value.upload_url == SIGNED
    assert "sesame" not in str(caught.value) + repr(caught.value) + all_logged(our_log)


@given(
    before=st.text(max_size=20),
    secret=st.text("abcdefghijklmnopqrstuvwxyz0123456789%=&+/-_.~", min_size=8, max_size=80),
    after=st.sampled_from(["", " ", "\n", '"', "'", "<", ">", "\\"]),
)
def test_the_query_of_an_address_is_taken_out_of_what_the_service_says(
    before: str, secret: str, after: str
) -> None:
    """Wherever in it the address stands."""
    secret = f"sig={secret}"
    shown = escaped(f"{before} https://bucket.example.com/call.mp3?{secret}{after} was not found")
    assert secret not in shown
    assert "bucket.example.com/call.mp3" in shown or len(shown) == 300
