"""Whatever goes wrong in whatever order: no second job, no lost id, and an end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import anyio
import httpx
import pytest
from fault_server import Received, Service
from hypothesis import event, given, settings
from hypothesis import strategies as st
from lanes import KEY
from trio.testing import MockClock

import aai_async as aai

NOT_SENT = ["refused"]
LEFT_UNDONE = [
    "cut short",
    "lost",
    "429",
    "429 for a while",
    "503 that says why",
    "503",
    "500",
    "hang",
    "page",
]
CARRIED_OUT = [
    "lost answer",
    "500 after all",
    "504 after all",
    "cut answer",
    "page after all",
    "hang after all",
]
FATAL = ["401"]
FAULTS = NOT_SENT + LEFT_UNDONE + CARRIED_OUT + FATAL

REPLIES: dict[str, Callable[[], httpx.Response]] = {
    "429": lambda: httpx.Response(429),
    "429 for a while": lambda: httpx.Response(429, headers={"retry-after": "7"}),
    "503 that says why": lambda: httpx.Response(503, json={"error": "Busy"}),
    "503": lambda: httpx.Response(503),
    "500": lambda: httpx.Response(500),
    "500 after all": lambda: httpx.Response(500, json={"error": "Server error"}),
    "504 after all": lambda: httpx.Response(504),
    "page": lambda: httpx.Response(200, html="<html>Sign in</html>"),
    "page after all": lambda: httpx.Response(200, html="<html>Sorry</html>"),
    "cut answer": lambda: httpx.Response(200, content=b'{"id": "'),
    "401": lambda: httpx.Response(401, json={"error": "Authentication error"}),
}


class Model(httpx.AsyncBaseTransport):
    """The service, in the time of the test, with a fault for each of its first requests."""

    def __init__(self, faults: list[str], lag: float) -> None:
        self.service = Service("http://127.0.0.1")
        self.epoch = 0.0
        """The time of the service when the clock of the test shows 0, in seconds."""
        self.requests = 0
        self._faults = list(faults)
        self._lag = lag

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        fault = self._faults.pop(0) if self._faults else "none"
        if fault in NOT_SENT:
            raise httpx.ConnectError("refused")
        if fault == "cut short" and request.method == "POST":
            await anext(aiter(request.stream))  # type: ignore[arg-type]
            raise httpx.WriteError("reset")
        body = await request.aread()
        await anyio.sleep(0.05)
        answer = None if fault in LEFT_UNDONE + FATAL else self._answer(request, body)
        await anyio.sleep(0.05)
        if fault.startswith("hang"):
            await anyio.sleep_forever()
        if fault.startswith(("lost", "cut short")):
            raise httpx.ReadError("reset")
        if fault in REPLIES:
            return REPLIES[fault]()
        assert answer is not None
        return answer

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        now, jobs = self.epoch + anyio.current_time(), len(self.service.jobs)
        for job in self.service.jobs:
            job.listed_from = 0.0 if job.created.timestamp() + self._lag <= now else float("inf")
        head = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\nauthorization: {KEY}"
        received = Received.from_head(head.encode(), 1)
        received.grow(body, float("inf"))
        received.is_whole = True
        reply = self.service.answer(received)
        for job in self.service.jobs[jobs:]:
            job.created, job.listed_from = dt.datetime.fromtimestamp(now, dt.UTC), float("inf")
        date = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = [(name, value) for name, value in reply.headers if name.lower() != "date"]
        return httpx.Response(reply.status, headers=[*headers, ("date", date)], content=reply.body)


class Ending:
    """What became of one call."""

    error: aai.AAIError | None = None
    transcript: aai.Transcript | None = None
    is_cancelled = False
    took = 0.0

    def __init__(self) -> None:
        self.job = aai.JobHandle()


def run(model: Model, *, cancel_after: float = float("inf")) -> Ending:
    """Make one call in a time that jumps to where it is waited for."""
    ending = Ending()

    async def call() -> None:
        began = anyio.current_time()
        async with httpx.AsyncClient(transport=model) as http, aai.Client(KEY, http_client=http) as client:
            try:
                with anyio.move_on_after(cancel_after) as scope:
                    ending.transcript = await client.transcribe(b"a recording", job=ending.job)
                ending.is_cancelled = scope.cancelled_caught
            except aai.AAIError as error:
                ending.error = error
        ending.took = anyio.current_time() - began

    clock = MockClock(autojump_threshold=0)
    anyio.run(call, backend="trio", backend_options={"clock": clock})
    return ending


sequences = st.lists(st.sampled_from(["none", *FAULTS]), max_size=14)
moments = st.floats(0, 0.5) | st.floats(0, 120)
"""Seconds after which a call is cancelled: amid its first requests, or any time."""

lags = st.sampled_from([0.0, 0.3, 1.5, 6.0])


@given(sequences, lags)
@settings(max_examples=300, deadline=None)
def test_a_call_ends_with_its_one_job_or_with_what_finds_it(faults: list[str], lag: float) -> None:
    """As long as the list lags no longer than it is looked at."""
    model = Model(faults, lag)
    ending = run(model)
    jobs = model.service.jobs
    event(type(ending.error).__name__ if ending.error else "completed")
    assert ending.took < aai.Polling().give_up_after
    assert len(jobs) <= 1
    if ending.transcript is not None:
        assert [job.id for job in jobs] == [ending.transcript.id] == [ending.job.transcript_id]
    elif jobs and isinstance(ending.error, aai.AmbiguousSubmitError):
        assert ending.error.upload_url == jobs[0].audio_url
    elif jobs:
        assert ending.error is not None
        assert ending.error.transcript_id == jobs[0].id == ending.job.transcript_id


@given(sequences, lags, moments)
@settings(max_examples=300, deadline=None)
def test_a_call_that_is_cancelled_leaves_the_job_on_the_handle(
    faults: list[str], lag: float, cancel_after: float
) -> None:
    """Its id, or where the answer was lost for good at least what it was made of; and within its bound."""
    model = Model(faults, lag)
    ending = run(model, cancel_after=cancel_after)
    jobs = model.service.jobs
    event("cancelled" if ending.is_cancelled else "ended before")
    if ending.is_cancelled:
        assert ending.took <= cancel_after + aai.Timeouts().cancel_grace + 0.1
    assert len(jobs) <= 1
    if jobs:
        assert ending.job.upload_url == jobs[0].audio_url
        assert ending.job.transcript_id in {jobs[0].id, None}


@given(st.lists(st.sampled_from(["none", *NOT_SENT, "429", "503 that says why"]), max_size=14), moments)
@settings(max_examples=200, deadline=None)
def test_where_no_answer_is_lost_a_cancelled_call_knows_its_job(
    faults: list[str], cancel_after: float
) -> None:
    """Always, whenever it is cancelled."""
    model = Model(faults, 0.0)
    ending = run(model, cancel_after=cancel_after)
    assert [job.id for job in model.service.jobs] == (
        [ending.job.transcript_id] if ending.job.transcript_id else []
    )


@pytest.mark.parametrize("fault", [*FAULTS])
def test_each_fault_alone_is_survived_at_each_of_the_first_requests(fault: str) -> None:
    """Upload, submit, look: with one job; only a refused key ends the call."""
    for position in range(3):
        model = Model(["none"] * position + [fault], 0.0)
        ending = run(model)
        if fault in FATAL:
            assert isinstance(ending.error, aai.AccountError)
        else:
            assert ending.transcript is not None, (position, ending.error)
        assert len(model.service.jobs) == (0 if fault in FATAL and position < 2 else 1)
