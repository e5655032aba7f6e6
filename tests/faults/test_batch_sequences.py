"""Whatever goes wrong in whatever order: each file of a batch has one job at most, and none is lost."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from inline import no_threads
from lanes import KEY
from test_fault_sequences import FATAL, FAULTS, Model
from trio.testing import MockClock

import aai_async as aai

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
"""Where a commit need not wait for a disk."""


@pytest.fixture(autouse=True)
def _no_threads() -> Iterator[None]:
    with no_threads():
        yield


def recording(number: int) -> bytes:
    return b"recording %d" % number


class Round:
    """What became of one batch."""

    def __init__(self) -> None:
        self.drawn = 0
        self.outcomes: list[aai.Outcome] = []
        self.remaining: tuple[aai.Outcome, ...] = ()
        self.error: aai.AAIError | None = None
        self.is_cancelled = False
        self.took = 0.0

    @property
    def all(self) -> list[aai.Outcome]:
        return [*self.outcomes, *self.remaining]

    def count(self, files: int) -> Iterator[bytes]:
        for number in range(files):
            self.drawn += 1
            yield recording(number)

    async def go(
        self, client: aai.Client, files: int, cancel_after: float = math.inf, **settings: Any
    ) -> None:
        began = anyio.current_time()
        batch = aai.transcribe_all(client, self.count(files), **settings)
        with anyio.move_on_after(cancel_after) as scope:
            try:
                async with batch:
                    async for outcome in batch:
                        self.outcomes.append(outcome)
            except aai.BatchAbortedError as error:
                self.error = error
        self.is_cancelled = scope.cancelled_caught
        # It may have been cancelled before it has begun.
        with contextlib.suppress(aai.ConfigError):
            self.remaining = batch.remaining
        self.took = anyio.current_time() - began


def run(model: Model, *rounds: dict[str, Any], files: int, **client_settings: Any) -> list[Round]:
    """Run batches of the same files, one after the other, in a time that jumps to where it is waited for."""

    async def story() -> AsyncIterator[Round]:
        for settings_of_round in rounds:
            this = Round()
            async with httpx.AsyncClient(transport=model) as http:
                async with aai.Client(KEY, http_client=http, **client_settings) as client:
                    await this.go(client, files, **settings_of_round)
            # A second batch meets a service that works.
            model._faults.clear()
            yield this

    async def collected() -> list[Round]:
        return [each async for each in story()]

    clock = MockClock(autojump_threshold=0)
    return anyio.run(collected, backend="trio", backend_options={"clock": clock})


def jobs_of_each_file(model: Model) -> Counter[bytes]:
    return Counter(model.service.uploads[job.audio_url] for job in model.service.jobs)


def check_nothing_is_lost(model: Model, this: Round) -> None:
    """Make sure that each item that was drawn is accounted for, and each job that was made."""
    assert sorted(outcome.index for outcome in this.all) == list(range(this.drawn))
    made = {job.id: model.service.uploads[job.audio_url] for job in model.service.jobs}
    for outcome in this.all:
        assert outcome.transcript_id is None or made[outcome.transcript_id] == recording(outcome.index)
        assert outcome.transcript is None or outcome.transcript.id == outcome.transcript_id
        assert (outcome.transcript is None) or (outcome.error is None)
    assert all(outcome.transcript or outcome.error for outcome in this.outcomes)
    ids = {outcome.transcript_id for outcome in this.all}
    uploads = {outcome.upload_url for outcome in this.all}
    for job in model.service.jobs:
        # Where its answer was lost for good, what it was made of is known.
        assert job.id in ids or job.audio_url in uploads


sequences = st.lists(st.sampled_from(["none", *FAULTS]), max_size=30)
survivable = st.lists(st.sampled_from(["none", *(set(FAULTS) - set(FATAL))]), max_size=8)
counts = st.integers(1, 6)
bounds = st.sampled_from([(1, 1), (2, 1), (3, 2), (400, 8)])
lags = st.sampled_from([0.0, 0.3, 1.5, 6.0])
moments = st.integers(0, 50).map(lambda hundredths: hundredths / 100) | st.floats(0, 120)
"""Seconds after which a batch is cancelled: amid its first requests, or any time."""


@given(sequences, lags, counts, bounds)
@settings(max_examples=200, deadline=None)
def test_a_batch_ends_with_one_job_for_each_file_at_the_most(
    faults: list[str], lag: float, files: int, bound: tuple[int, int]
) -> None:
    """With an outcome for each file that was drawn; all are, unless the account was refused."""
    model = Model(faults, lag)
    jobs, uploads = bound
    (this,) = run(model, {"max_jobs": jobs, "max_uploads": uploads}, files=files)
    event("aborted" if this.error else "ended")
    check_nothing_is_lost(model, this)
    assert max(jobs_of_each_file(model).values(), default=0) <= 1
    assert this.took < 3600
    if this.error is None:
        assert len(this.outcomes) == this.drawn == files
    else:
        assert isinstance(this.error.__cause__, aai.AccountError)


@given(survivable, lags, counts)
@settings(max_examples=100, deadline=None)
def test_a_batch_comes_through_a_few_faults(faults: list[str], lag: float, files: int) -> None:
    """Whatever they are, but a key that is refused: all are done, or in doubt of their one job."""
    model = Model(faults, lag)
    (this,) = run(model, {}, files=files, retry=aai.Retry(attempts=9, budget=1000.0))
    check_nothing_is_lost(model, this)
    for outcome in this.outcomes:
        assert outcome.transcript or isinstance(outcome.error, aai.AmbiguousSubmitError)
    assert max(jobs_of_each_file(model).values()) <= 1


@given(sequences, lags, counts, bounds, moments)
@settings(max_examples=200, deadline=None)
def test_a_batch_that_is_cancelled_at_any_moment_loses_sight_of_nothing(
    faults: list[str], lag: float, files: int, bound: tuple[int, int], cancel_after: float
) -> None:
    """Neither of what had finished nor of what was under way; and it ends within its bound."""
    model = Model(faults, lag)
    jobs, uploads = bound
    settings_of_round = {"max_jobs": jobs, "max_uploads": uploads, "cancel_after": cancel_after}
    (this,) = run(model, settings_of_round, files=files)
    event("cancelled" if this.is_cancelled else "ended before")
    check_nothing_is_lost(model, this)
    assert max(jobs_of_each_file(model).values(), default=0) <= 1
    if this.is_cancelled:
        assert this.took <= cancel_after + aai.Timeouts().cancel_grace + 0.6


@given(sequences, lags, counts, bounds, moments)
@settings(max_examples=200, deadline=None)
def test_a_second_batch_with_the_journal_of_a_cancelled_one_makes_the_jobs_that_are_missing(
    faults: list[str], lag: float, files: int, bound: tuple[int, int], cancel_after: float
) -> None:
    """And no other: as many as files, in total."""
    model = Model(faults, lag)
    jobs, uploads = bound
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        both = {"max_jobs": jobs, "max_uploads": uploads, "journal": Path(folder) / "calls.db"}
        first, second = run(model, both | {"cancel_after": cancel_after}, both, files=files)
        third = run(model, both, files=files)[0]
    event("cancelled" if first.is_cancelled else "ended before")
    check_nothing_is_lost(model, second)
    assert sorted(outcome.index for outcome in first.all) == list(range(first.drawn))
    assert [outcome.error for outcome in second.outcomes] == [None] * files
    assert jobs_of_each_file(model) == dict.fromkeys(map(recording, range(files)), 1)
    known = {outcome.transcript_id for outcome in first.all if outcome.transcript_id}
    assert known <= {outcome.transcript_id for outcome in second.outcomes}
    # And once more, when there is nothing left to do.
    assert [outcome.attempts for outcome in third.outcomes] == [0] * files
    assert {outcome.transcript_id for outcome in third.outcomes} == {job.id for job in model.service.jobs}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("has_journal", [False, True])
def test_each_fault_alone_is_survived_by_each_file_at_each_of_the_first_requests(
    fault: str, has_journal: bool
) -> None:
    """Of a batch of three, with one job each; only a refused key ends it."""
    for position in range(9):
        model = Model(["none"] * position + [fault], 0.0)
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            journal = Path(folder) / "calls.db" if has_journal else None
            (this,) = run(model, {"journal": journal}, files=3)
        check_nothing_is_lost(model, this)
        if fault in FATAL:
            assert this.error is None or isinstance(this.error.__cause__, aai.AccountError)
            continue
        assert [outcome.error for outcome in this.outcomes] == [None] * 3, position
        assert set(jobs_of_each_file(model).values()) == {1}


@pytest.mark.parametrize("files", [1, 10, 300])
def test_a_batch_without_a_connection_ends_soon_after_its_patience(files: int) -> None:
    """However many files there are: they are not tried one after the other when that is over."""
    model = Model(["refused"] * 100_000, 0.0)
    (this,) = run(model, {}, files=files, polling=aai.Polling(unreachable_after=60.0))
    check_nothing_is_lost(model, this)
    assert isinstance(this.error, aai.BatchAbortedError)
    assert isinstance(this.error.__cause__, aai.ConnectError | aai.RetryBudgetError)
    assert 60.0 <= this.took < 60.0 + 60.0
    assert model.requests < 200


@pytest.mark.parametrize("seconds", [5.0, 30.0, 300.0])
def test_a_batch_comes_through_an_outage_of_any_length_within_its_patience(seconds: float) -> None:
    """With one job each, and few requests while it lasts."""

    class Away(Model):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if 1.0 < anyio.current_time() < 1.0 + seconds:
                self.requests += 1
                raise httpx.ConnectError("refused")
            return await super().handle_async_request(request)

    model = Away([], 0.0)
    (this,) = run(model, {"max_jobs": 20, "max_uploads": 2}, files=60)
    assert [outcome.error for outcome in this.outcomes] == [None] * 60
    assert set(jobs_of_each_file(model).values()) == {1}
    assert this.took < seconds + 150.0
    assert model.requests < 60 * 6 + 100
