"""Where something has run out, is gone, or was never there, the error says so at once, and nothing hangs."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import re
import string
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import faults
import httpx
import httpx2
import pytest
import trio
from blockbuster import blockbuster_ctx
from descriptors import open_files
from fault_server import Exchange, FaultServer
from hypothesis import given
from hypothesis import strategies as st
from lanes import KEY, LANES, Connect, Lane
from secrecy import whole_traceback

import aai_async as aai
from aai_async._api import endpoints
from aai_async._api.credentials import checked_base_url
from aai_async._jobs import submission
from aai_async._transport.backend import client_of

Call = Callable[[aai.Client], Coroutine[Any, Any, object]]


async def read_list(client: aai.Client) -> list[aai.TranscriptListItem]:
    return [item async for item in client.list()]


async def given_to(client: aai.Client, name: str, *arguments: Any, **named: Any) -> object:
    """Call a verb as somebody does who has no type checker."""
    return await getattr(client, name)(*arguments, **named)


def program_of(lane: Lane, program: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Give the command and the environment of a program that can import what tests can."""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return [sys.executable, "-c", program, lane.name, *arguments], {**os.environ, "PYTHONPATH": paths}


LANE = """
import asyncio, json, os, sys
import anyio
import aai_async as aai
from lanes import KEY, LANES

lane = next(lane for lane in LANES if lane.name == sys.argv[1])
"""


# File descriptors.

WITHOUT_DESCRIPTORS = f"""{LANE}
import resource

async def main():
    retry = aai.Retry(initial_delay=0.01, attempts=2)
    settings = {{"retry": retry, "polling": aai.Polling(initial_delay=0.01)}}
    async with aai.Client(KEY, base_url=sys.argv[2], http_client=lane.make, **settings) as client:
        outcomes = {{}}

        async def note(name, verb, *arguments):
            try:
                await getattr(client, name)(*arguments)
                outcomes[verb] = "done"
            except aai.AAIError as error:
                outcomes[verb] = [type(error).__name__, str(error)]

        # A thread and all that is imported late.
        await note("upload", "before", sys.argv[3])
        await note("upload", "again", sys.argv[3])
        await anyio.sleep(0.2)
        limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard))
        hoard = []
        try:
            while True:
                hoard.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(note, "upload", "file", sys.argv[3])
                # The connection that is kept serves one of these.
                for number in range(8):
                    tasks.start_soon(note, "upload", f"bytes-{{number}}", b"x" * 300_000)
            await note("save_redacted_audio", "save", "known", sys.argv[3] + ".out")
        for descriptor in hoard:
            os.close(descriptor)
        await note("upload", "after", sys.argv[3])
        print(json.dumps(outcomes))

anyio.run(main, backend=lane.backend)
"""


async def test_a_process_without_file_descriptors_gets_errors_and_goes_on_when_it_has_some(
    server: FaultServer, lane: Lane, tmp_path: Path
) -> None:
    """It is not sent, and nothing waits for a descriptor for ever."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    command, environment = program_of(lane, WITHOUT_DESCRIPTORS, server.url, str(tmp_path / "call.wav"))
    with anyio.fail_after(200):
        done = await anyio.run_process(command, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    outcomes = json.loads(done.stdout)
    assert (outcomes["before"], outcomes["again"], outcomes["after"]) == ("done", "done", "done")
    assert outcomes["file"][0] == "SourceError"
    assert "Too many open files" in outcomes["file"][1]
    assert outcomes["save"][0] == "SaveError"
    assert "Too many open files" in outcomes["save"][1]
    of_bytes = [outcome for name, outcome in outcomes.items() if name.startswith("bytes-")]
    failed = [outcome for outcome in of_bytes if outcome != "done"]
    # Some find the connection that is kept.
    assert failed
    assert {kind for kind, _ in failed} == {"ConnectError"}
    assert os.listdir(tmp_path) == ["call.wav"]


# Threads.


class TestWithoutThreads:
    """
    No thread can be started from the moment that a test says so; those that idle are not for it.

    Each test runs an event loop of its own, since trio under pytest waits for its sockets in a thread.
    """

    @pytest.fixture
    def refuse_threads(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        def refuse_threads() -> None:
            cache = trio._core._thread_cache
            monkeypatch.setattr(cache, "THREAD_CACHE", cache.ThreadCache())
            monkeypatch.setattr(threading.Thread, "start", refuse)

        return refuse_threads

    @pytest.fixture
    def given(self, lane: Lane) -> Callable[[], Any]:
        """Make an HTTP client without a thread."""
        make = lane.make or (lambda: httpx.AsyncClient(trust_env=False))
        return lambda: client_of(make())

    def test_a_client_that_gets_none_is_opened_all_the_same(
        self, server: FaultServer, connect: Connect, lane: Lane, refuse_threads: Callable[[], None]
    ) -> None:
        """A thread is only to spare the event loop the loading of certificates."""

        async def main() -> None:
            client = connect()
            refuse_threads()
            with anyio.fail_after(60):
                async with client:
                    await client.upload(b"a recording")

        anyio.run(main, backend=lane.backend)
        assert server.count("POST /v2/upload") == 1

    @pytest.mark.parametrize("kind", ["path", "file"])
    def test_a_recording_that_gets_none_is_not_sent(
        self,
        server: FaultServer,
        connect: Connect,
        lane: Lane,
        tmp_path: Path,
        refuse_threads: Callable[[], None],
        given: Callable[[], Any],
        kind: str,
    ) -> None:
        """The error says what to do; what needs no thread goes on."""
        (tmp_path / "call.wav").write_bytes(b"a recording")

        async def main() -> None:
            async with given() as http, connect(http_client=http) as client:
                refuse_threads()
                with (tmp_path / "call.wav").open("rb") as file:
                    audio = tmp_path / "call.wav" if kind == "path" else file
                    with anyio.fail_after(60), pytest.raises(aai.AAIError, match="No thread could") as caught:
                        await client.transcribe(audio)
                assert (caught.value.attempts, server.requests) == (0, [])
                await client.transcribe(b"a recording")

        anyio.run(main, backend=lane.backend)

    def test_a_file_that_gets_none_is_not_saved(
        self,
        server: FaultServer,
        connect: Connect,
        lane: Lane,
        tmp_path: Path,
        refuse_threads: Callable[[], None],
        given: Callable[[], Any],
    ) -> None:
        """And nothing is left of it."""

        async def main() -> None:
            async with given() as http, connect(http_client=http) as client:
                refuse_threads()
                with anyio.fail_after(60), pytest.raises(aai.AAIError, match="No thread could be started"):
                    await client.save_redacted_audio("known", tmp_path / "masked.mp3")

        anyio.run(main, backend=lane.backend)
        assert (os.listdir(tmp_path), server.requests) == ([], [])

    def test_a_submit_whose_large_answer_gets_none_has_its_job(
        self,
        server: FaultServer,
        connect: Connect,
        lane: Lane,
        refuse_threads: Callable[[], None],
        given: Callable[[], Any],
    ) -> None:
        """It is read in the event loop then, for what is paid for is not to be lost."""
        server.on("POST /v2/transcript", faults.large_json(1))

        async def main() -> None:
            async with given() as http, connect(http_client=http) as client:
                refuse_threads()
                job = await client.submit(b"a recording")
                assert [made.id for made in server.service.jobs] == [job.id]

        anyio.run(main, backend=lane.backend)


# Event loops and processes that come and go.


class EarlyClock(random.Random):
    """What trio begins its clock with: chance has it begin before another one in half of all cases."""

    def uniform(self, a: float, b: float) -> float:
        return 10.0


@pytest.mark.parametrize("other", ["asyncio", "trio"])
async def test_a_client_is_not_used_in_another_event_loop(
    server: FaultServer,
    connect: Connect,
    lane: Lane,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    """Its connections belong to the loop that it was opened in; that is said at once."""
    outcomes: list[BaseException] = []

    async def use() -> None:
        for call in (lambda: client.get("a"), lambda: read_list(client)):
            try:
                with anyio.fail_after(0.3):
                    await call()
            except (aai.AAIError, TimeoutError) as error:
                outcomes.append(error)

    monkeypatch.setattr(trio._core._run, "_r", EarlyClock())
    async with connect() as client:
        await client.upload(b"a recording")
        await anyio.to_thread.run_sync(lambda: anyio.run(use, backend=other))
        await client.upload(b"a recording")
    assert [type(outcome) for outcome in outcomes] == [aai.ConfigError] * 2
    assert "another event loop" in str(outcomes[0])
    assert server.count("*") == 2


async def test_a_client_may_be_opened_again_in_another_event_loop(
    server: FaultServer, connect: Connect, lane: Lane
) -> None:
    """Once it was closed in the first."""
    client = connect()

    async def use() -> None:
        async with client:
            await client.upload(b"a recording")

    await use()
    await anyio.to_thread.run_sync(lambda: anyio.run(use, backend=lane.backend))
    assert server.count("*") == 2


AFTER_A_FORK = f"""{LANE}
async def main():
    async with aai.Client(KEY, base_url=sys.argv[2], http_client=lane.make) as client:
        await client.upload(b"a recording")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                if sys.argv[3] == "here":
                    await client.get("a")
                elif sys.argv[3] == "new-loop":
                    asyncio.run(client.get("a"))
            except aai.ConfigError as error:
                print(error, flush=True)
                os._exit(0)
            except BaseException as error:
                print(repr(error), flush=True)
            os._exit(1)
        os.waitpid(child, 0)
        await client.upload(b"a recording")

anyio.run(main, backend=lane.backend)
"""


@pytest.mark.parametrize("where", ["here", "new-loop"])
async def test_a_client_is_not_used_in_a_child_of_its_process(
    server: FaultServer, lane: Lane, request: pytest.FixtureRequest, where: str
) -> None:
    """Both would write into the same connection; the parent goes on."""
    if lane.backend == "trio" and where == "new-loop":
        pytest.skip("trio itself lets nobody begin another loop within one, forked or not")
    command, environment = program_of(lane, AFTER_A_FORK, server.url, where)
    with anyio.fail_after(200):
        done = await anyio.run_process(command, env=environment, check=False)
    assert b"opened before a fork" in done.stdout
    assert done.returncode == 0
    assert server.count("*") == 2


async def test_a_client_that_is_closed_or_not_opened_says_so(server: FaultServer, connect: Connect) -> None:
    """Whatever is asked of it, and before anything is sent."""
    closed, fresh = connect(), connect()
    async with closed:
        pass
    for client in (closed, fresh):
        for call in (
            client.get("a"),
            client.upload(b"a recording"),
            client.transcribe("https://example.com/a"),
            client.wait("a"),
            read_list(client),
        ):
            with anyio.fail_after(60), pytest.raises(aai.ConfigError, match="not open"):
                await call
    assert server.requests == []


async def test_a_client_that_is_closed_during_a_call_ends_it(server: FaultServer, connect: Connect) -> None:
    """With an error of ours, in whichever state the request is."""
    server.always("GET *", faults.hang())
    outcomes: list[aai.AAIError] = []

    async def look() -> None:
        with pytest.raises(aai.AAIError) as caught:
            await client.get("a")
        outcomes.append(caught.value)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            async with connect() as client:
                tasks.start_soon(look)
                while not server.requests:
                    await anyio.sleep(0.01)
    assert len(outcomes) == 1


async def test_the_http_client_of_the_caller_may_be_closed(
    server: FaultServer, connect: Connect, lane: Lane
) -> None:
    """Before the client is opened, or while it is."""
    given = lane.new_client()
    async with given, connect(http_client=given) as client:
        await client.upload(b"a recording")
        await given.aclose()
        with pytest.raises(aai.ConfigError, match="HTTP client that was given to this Client is closed"):
            await client.upload(b"a recording")
    with pytest.raises(aai.ConfigError, match="is closed"):
        async with connect(http_client=given):
            pass
    assert server.count("*") == 1


# What would hold up the event loop.


class TestOfAsyncio:
    """What watches for blocking calls knows asyncio only."""

    @pytest.fixture(params=[lane for lane in LANES if lane.backend == "asyncio"], ids=lambda lane: lane.name)
    def lane(self, request: pytest.FixtureRequest) -> Lane:
        return request.param  # type: ignore[no-any-return]

    async def test_nothing_blocks_when_things_go_wrong(
        self, server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not the retries, nor the look-up of a lost submit, the list, a refusal, or a cancellation."""
        monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01, 0.02))
        (tmp_path / "call.wav").write_bytes(b"x" * 3_000_000)
        server.on("POST /v2/upload", faults.status(503), faults.reset_amid_body(), faults.html())
        server.on("POST /v2/transcript", faults.status(429, headers={"retry-after": "0.05"}))
        server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
        server.on("GET /v2/transcript/*", faults.large_json(2), faults.honest_gzip(), faults.cut_body())
        with blockbuster_ctx():
            async with connect(on_event=lambda _: None) as client:
                transcript = await client.transcribe(tmp_path / "call.wav")
                assert (await read_list(client))[0].id == transcript.id
                await client.get(transcript.id)
                server.on("POST /v2/upload", faults.stop_reading())
                with anyio.move_on_after(0.1):
                    await client.upload(tmp_path / "call.wav")
                with pytest.raises(aai.SourceError):
                    await client.upload(tmp_path / "missing.wav")
                server.always("GET *", faults.status(401))
                with pytest.raises(aai.AccountError):
                    await client.get(transcript.id)
        assert len(server.service.jobs) == 1

    async def test_nothing_blocks_when_a_download_breaks(
        self, server: FaultServer, connect: Connect, tmp_path: Path
    ) -> None:
        """Neither where it begins anew nor where it is given up."""
        server.on("GET /files/*", faults.cut_body())
        with blockbuster_ctx():
            async with connect() as client:
                job = await client.submit(b"a recording")
                await client.save_redacted_audio(job.id, tmp_path / "masked.mp3")
                server.always("GET /files/*", faults.status(404))
                with pytest.raises(aai.RedactedAudioError):
                    await client.save_redacted_audio(job.id, tmp_path / "other.mp3")
        assert os.listdir(tmp_path) == ["masked.mp3"]


# Clocks.


@pytest.fixture(params=[86_400.0, -86_400.0], ids=["a-day-on", "a-day-back"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the clock of the wall to another day, for the client alone: the service has a clock of its own."""
    true_time, here, shift = time.time, threading.current_thread(), 0.0

    def stepped() -> float:
        return true_time() + (shift if threading.current_thread() is here else 0.0)

    def take() -> None:
        nonlocal shift
        shift = request.param

    monkeypatch.setattr(time, "time", stepped)
    return take


async def test_a_wall_clock_that_is_set_changes_no_deadline(
    server: FaultServer, connect: Connect, step: Callable[[], None]
) -> None:
    """Neither is the job given up at once, nor waited for a day."""
    server.service.looks_until_done = 10**9
    async with connect(polling=aai.Polling(initial_delay=0.02, max_delay=0.02, give_up_after=0.3)) as client:
        job = await client.submit(b"a recording")
        began = time.monotonic()

        async def set_clock() -> None:
            await anyio.sleep(0.1)
            step()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(set_clock)
            with anyio.fail_after(60), pytest.raises(aai.DeadlineError):
                await client.wait(job.id)
        assert time.monotonic() - began >= 0.3


async def test_a_wall_clock_that_is_set_changes_no_wait_and_no_timeout(
    server: FaultServer, connect: Connect, step: Callable[[], None]
) -> None:
    """Neither what the service asks for, nor the time of an attempt."""
    server.on("GET *", faults.status(429, headers={"retry-after": "0.3"}))
    async with connect(timeouts=aai.Timeouts(reply=0.3)) as client:
        job = await client.submit(b"a recording")
        step()
        began = time.monotonic()
        with anyio.fail_after(60):
            await client.get(job.id)
        assert time.monotonic() - began >= 0.3
        server.on("GET *", faults.hang())
        began = time.monotonic()
        with anyio.fail_after(60):
            await client.get(job.id)
        assert time.monotonic() - began >= 0.3


class TestOfOneLane:
    """What takes a second by itself, for a date has no fractions of one."""

    @pytest.fixture
    def lane(self) -> Lane:
        return LANES[0]

    async def test_a_wall_clock_that_is_set_changes_no_wait_until_a_date(
        self, server: FaultServer, connect: Connect, step: Callable[[], None]
    ) -> None:
        """Which is a date of the service's clock, and may be years from ours."""
        now = dt.datetime(2031, 5, 4, 10, 0, 0, tzinfo=dt.UTC)
        headers = {
            "date": f"{now:%a, %d %b %Y %H:%M:%S} GMT",
            "retry-after": f"{now:%a, %d %b %Y %H:%M}:01 GMT",
        }
        server.on("GET *", faults.status(429, headers=headers))
        async with connect() as client:
            job = await client.submit(b"a recording")
            step()
            began = time.monotonic()
            with anyio.fail_after(60):
                await client.get(job.id)
            assert time.monotonic() - began >= 1.0


async def test_a_wall_clock_that_is_set_hides_no_job(
    server: FaultServer, connect: Connect, step: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was made just now is told by the service's own clock."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01, 0.02))
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    step()
    async with connect() as client:
        job = await client.submit("https://example.com/call.mp3")
    assert [made.id for made in server.service.jobs] == [job.id]


# What cannot be a key, an address or an id.

SENT = string.ascii_letters + string.digits + string.punctuation
"""The letters that a key may have."""


@given(
    secret=st.text(SENT, min_size=8, max_size=64),
    bad=st.characters(exclude_characters=SENT),
    where=st.sampled_from(["before", "amid", "after"]),
)
def test_a_key_with_any_letter_that_no_key_has_is_refused_and_not_shown(
    secret: str, bad: str, where: str
) -> None:
    """Not in the message, and not in a traceback with local variables."""
    place = {"before": 0, "amid": 4, "after": len(secret)}[where]
    with pytest.raises(aai.ConfigError, match="API key") as caught:
        aai.Client(secret[:place] + bad + secret[place:])
    told = str(caught.value) + "".join(
        repr(frame.tb_frame.f_locals) for frame in frames_of_ours(caught.value.__traceback__)
    )
    assert secret not in told
    assert repr(secret)[1:-1] not in told


def frames_of_ours(trace: Any) -> list[Any]:
    frames = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename != __file__:
            frames.append(trace)
        trace = trace.tb_next
    return frames


@pytest.mark.parametrize(
    "given", [f"Bearer {KEY}", f"BEARER {KEY}", f"bearer  {KEY}", f"{KEY}\n", f"\t{KEY}"]
)
def test_a_key_of_the_environment_is_refused_like_any_other(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """It is where a line break clings to a key most often."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", given)
    with pytest.raises(aai.ConfigError, match="API key") as caught:
        aai.Client()
    assert KEY not in whole_traceback(caught.value, __file__)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
        "http://localhost@evil.test",
        "http://127.0.0.1:80@evil.test",
        "http://127.0.0.1\\@evil.test",
        "http://evil.test#@localhost",
        "http://evil.test?@localhost",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:10.0.0.7]",
        "http://169.254.169.254",
        "http://ｌocalhost.test",
        "https://user@api.assemblyai.com",
        "https://:secret@api.assemblyai.com",
        "https://api.assemblyai.com//",
        "https://api.assemblyai.com/v2/",
        "https://api.assemblyai.com#v2",
        "https://api.assemblyai.com:0",
        "//api.assemblyai.com",
        "javascript://api.assemblyai.com",
        "https:api.assemblyai.com",
        "https:///v2",
        "",
        " ",
    ],
)
def test_an_address_that_is_another_than_it_looks_is_refused(url: str) -> None:
    """The key goes to whoever is there."""
    given: dict[str, Any]
    for name in ("base_url", "gateway_url"):
        # An empty gateway is none.
        if url or name == "base_url":
            given = {name: url}
            with pytest.raises(aai.ConfigError, match=name):
                aai.Client(KEY, **given)


@given(st.text(max_size=40))
def test_whatever_is_given_as_an_address_is_refused_or_safe(text: str) -> None:
    """What is accepted is https, or this machine, and has nothing but a host and a port."""
    for url in (text, f"http://{text}", f"https://{text}"):
        try:
            accepted = checked_base_url(url)
        except aai.ConfigError:
            continue
        with contextlib.suppress(httpx.InvalidURL):
            parts = httpx.URL(accepted)
            assert parts.scheme == "https" or parts.host in {"127.0.0.1", "localhost", "::1"}
            assert (parts.path, parts.query, parts.fragment) == ("/", b"", "")


@given(st.text() | st.none() | st.integers() | st.binary())
def test_whatever_is_given_as_an_id_is_refused_or_stands_in_the_address_as_it_is(given: Any) -> None:
    """Nothing that could lead to another address, or to another request, is an id."""
    makers: list[Callable[[Any], endpoints.Call[Any]]] = [
        endpoints.get,
        endpoints.delete,
        endpoints.sentences,
        endpoints.paragraphs,
        endpoints.redacted_audio,
        lambda transcript_id: endpoints.subtitles(transcript_id, "srt", None),
        lambda transcript_id: endpoints.word_search(transcript_id, ["a"]),
    ]
    for make in makers:
        if isinstance(given, str) and re.fullmatch("[A-Za-z0-9_-]+", given):
            assert make(given).path.startswith(f"/v2/transcript/{given}")
        else:
            with pytest.raises(aai.OptionsError, match="is not a transcript id"):
                make(given)


ODD_IDS = ["../x", "..", ".", "a/b?c", "%2e", "%2e%2e", "", " ", "a\n", "a\r\nX-Evil: 1", "a#b", "ａ", "a\0"]


@pytest.mark.parametrize("odd", ODD_IDS, ids=ascii)
async def test_an_id_of_the_service_that_would_change_the_address_is_not_asked_for(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    """Whoever answers in its place gets no other request out of it."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))
    server.always("POST /v2/transcript", faults.reply_json({"id": odd, "status": "queued"}))
    async with connect() as client:
        with pytest.raises(aai.AAIError):
            await client.transcribe("https://example.com/call.mp3")
    assert {request.path for request in server.requests} == {"/v2/transcript"}


@pytest.mark.parametrize("odd", ODD_IDS, ids=ascii)
async def test_an_id_of_the_list_that_would_change_the_address_is_not_asked_for(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    """Also not where a lost submit is looked for."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))

    async def page(exchange: Exchange) -> None:
        row = {"id": odd, "status": "queued", "audio_url": next(iter(exchange.service.uploads))}
        details = {"limit": 200, "result_count": 1}
        await faults.reply_json({"page_details": details, "transcripts": [row]})(exchange)

    server.always("GET /v2/transcript", page)
    server.always("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        with pytest.raises(aai.AAIError):
            await client.submit(b"a recording")
    assert {request.path for request in server.requests} <= {"/v2/upload", "/v2/transcript"}


# Mistakes of whoever calls.


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (
            {"http_client": 42},
            "http_client must be an httpx.AsyncClient, an httpx2.AsyncClient, or a function",
        ),
        ({"http_client": "http://proxy.test"}, "http_client must be"),
        ({"http_client": httpx.Client(trust_env=False)}, "http_client must be"),
        ({"http_client": httpx2.Client(trust_env=False)}, "http_client must be"),
        ({"retry": 3}, r"retry must be aai.Retry\(...\), not int"),
        ({"retry": aai.Retry}, r"retry must be aai.Retry\(...\), not type"),
        ({"polling": 1.0}, r"polling must be aai.Polling\(...\)"),
        ({"timeouts": httpx.Timeout(5)}, r"timeouts must be aai.Timeouts\(...\)"),
        ({"on_ambiguous": "retry"}, "on_ambiguous must be 'lookup' or 'raise', not 'retry'"),
        ({"on_ambiguous": True}, "on_ambiguous must be"),
        ({"on_event": 3}, "on_event must be a function"),
        ({"region": "EU"}, "Unknown region 'EU'"),
        ({"region": ["eu"]}, "Unknown region"),
        ({"base_url": httpx.URL("https://api.assemblyai.com")}, "base_url must be"),
        ({"base_url": 3}, "base_url must be"),
        ({"gateway_url": 3}, "gateway_url must be"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_client_that_is_set_up_wrong_says_so_at_once(mistake: dict[str, Any], said: str) -> None:
    """Not at the first request."""
    with pytest.raises(aai.ConfigError, match=said):
        aai.Client(KEY, **mistake)


@pytest.mark.parametrize("attempts", [0, -1, "3", None])
def test_a_number_that_makes_no_sense_is_refused_at_once(attempts: Any) -> None:
    """The error names the field."""
    with pytest.raises(aai.ConfigError, match="must be a whole number from 1"):
        aai.Retry(attempts=attempts)


@pytest.mark.parametrize(
    "made", [42, None, "client", httpx.Client, object()], ids=lambda made: type(made).__name__
)
async def test_a_function_that_makes_something_else_is_told_so_when_the_client_is_opened(
    server: FaultServer, connect: Connect, made: Any
) -> None:
    """The client is not open then, and says so."""
    client = connect(http_client=lambda: made)
    for _ in range(2):
        with pytest.raises(aai.ConfigError, match="http_client must be"):
            await client.__aenter__()
    with pytest.raises(aai.ConfigError, match="not open"):
        await client.get("a")
    assert server.requests == []


async def test_a_function_that_fails_fails_the_opening_alone(
    server: FaultServer, connect: Connect, lane: Lane
) -> None:
    """What it raises is the caller's own, and the client can be opened once it works."""
    make = lane.make or (lambda: httpx.AsyncClient(trust_env=False))
    made: list[Any] = [FileNotFoundError("proxy.pem"), None]

    def sometimes() -> Any:
        if error := made.pop(0):
            raise error
        return make()

    client = connect(http_client=sometimes)
    before = open_files()
    with pytest.raises(FileNotFoundError, match=r"proxy\.pem"):
        await client.__aenter__()
    assert open_files() == before
    async with client:
        await client.upload(b"a recording")


async def stream() -> AsyncIterator[str]:
    yield "text"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda client: given_to(client, "transcribe", b"a", "speaker_labels"), aai.ConfigError),
        (lambda client: given_to(client, "transcribe", b"a", {"speaker_labels": True}), aai.ConfigError),
        (lambda client: given_to(client, "transcribe", b"a", aai.Options), aai.ConfigError),
        (lambda client: given_to(client, "transcribe", b"a", job="job-1"), aai.ConfigError),
        (lambda client: given_to(client, "transcribe", b"a", on_cancel=True), aai.ConfigError),
        (lambda client: given_to(client, "submit", b"a", [aai.Options()]), aai.ConfigError),
        (lambda client: given_to(client, "submit", b"a", speaker_labels=True), TypeError),
        (lambda client: given_to(client, "wait", "a", on_cancel="stop"), aai.ConfigError),
        (lambda client: given_to(client, "wait", ["a", "b"]), aai.OptionsError),
        (lambda client: given_to(client, "understand", "a", {"action_items": {}}), aai.ConfigError),
        (lambda client: given_to(client, "word_search", "a", ["one", "two"]), aai.OptionsError),
        (lambda client: given_to(client, "save_redacted_audio", "a", None), aai.SaveError),
        (lambda client: given_to(client, "upload", ["a.mp3", "b.mp3"]), aai.SourceError),
        (lambda client: given_to(client, "upload", Path), aai.SourceError),
        (lambda client: given_to(client, "upload", stream), aai.SourceError),
        (lambda client: given_to(client, "upload", stream()), aai.SourceError),
        (lambda client: given_to(client, "upload", "www.example.com/call.mp3"), aai.SourceError),
        (lambda client: given_to(client, "upload", "C:/call.mp3"), aai.SourceError),
        (lambda client: given_to(client, "upload", client.get("a")), aai.SourceError),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_a_call_that_is_made_wrong_says_so_before_anything_is_sent(
    server: FaultServer, connect: Connect, call: Call, kind: type[Exception]
) -> None:
    """Not by a job that is billed, and not by what the service says of it."""
    async with connect() as client:
        with pytest.raises(kind):
            await call(client)
    assert server.requests == []


async def test_a_client_is_for_async_with_alone(connect: Connect) -> None:
    """Whoever forgets the `async` is told by Python, and whoever forgets to await by both."""
    with pytest.raises(TypeError, match="context manager"):
        with connect():  # type: ignore[attr-defined]
            pass
    async with connect() as client:
        with pytest.raises(TypeError):
            await client.list()  # type: ignore[misc]


def test_a_client_that_is_never_opened_leaves_nothing(server: FaultServer) -> None:
    """Neither a warning nor an open file."""
    program = "import aai_async as aai, sys\naai.Client(sys.argv[1], base_url=sys.argv[2])\n"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, KEY, server.url]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
