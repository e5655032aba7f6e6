"""A cancellation is held back for a bounded time, and never swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest, run_shielded
from aai_async._errors import AAIError, RequestState, TransportError


async def _forget(_: object) -> None:
    pass


async def hold(work: Callable[[ShieldedRequest[Any]], Coroutine[Any, Any, Any]], *, within: float) -> Any:
    """Do the work with a receipt of its own."""
    shielded = ShieldedRequest[Any](_forget, CancelGrace(within))
    return await shielded.hold(lambda: work(shielded))


def task_of_this_test() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


class Work:
    """Begins to hold a cancellation back, takes its time, and may fail."""

    def __init__(self, seconds: float = 0.0, *, holds: bool = True, error: Exception | None = None) -> None:
        self._seconds = seconds
        self._holds = holds
        self._error = error
        self.steps: list[str] = []
        self.when_begun: Callable[[], object] = lambda: None
        """What happens once it has begun, such as a cancellation."""
        self.may_end: anyio.Event | None = None
        """What it waits for instead of its time."""

    async def __call__(self, shielded: ShieldedRequest[Any]) -> str:
        if self._holds:
            shielded.sent()
        self.steps.append("begun")
        self.when_begun()
        try:
            await (self.may_end.wait() if self.may_end else anyio.sleep(self._seconds))
            if self._error is not None:
                raise self._error
            self.steps.append("done")
        finally:
            self.steps.append("left")
        return "result"

    async def alone(self) -> str:
        return await self(ShieldedRequest(_forget, CancelGrace(60)))


async def test_the_result_is_handed_through() -> None:
    """Whoever is not cancelled sees nothing of the task."""
    assert await hold(Work(), within=60) == "result"


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize(
    "error", [KeyError("a"), TimeoutError("b"), ExceptionGroup("c", [OSError()])], ids=repr
)
async def test_an_exception_is_raised_as_it_is(error: Exception, holds: bool) -> None:
    """In no group of a task group."""
    with pytest.raises(type(error)) as caught:
        await hold(Work(error=error, holds=holds), within=60)
    assert caught.value is error


async def test_an_announcement_that_was_cancelled_is_withdrawn() -> None:
    """A thread may have recorded it although its caller was cancelled meanwhile."""
    recorded: list[str] = []

    async def announce(_: bool) -> None:
        recorded.append("submitting")
        scope.cancel()
        await anyio.sleep_forever()

    async def withdraw() -> None:
        recorded.append("refused")

    grace = CancelGrace(60)
    shielded = ShieldedRequest[str](_forget, grace, announce=announce, withdraw=withdraw)

    async def work() -> str:
        await shielded.sending()
        return "never"

    with anyio.CancelScope() as scope:
        await shielded.hold(work)
    await run_shielded(shielded.withdrawn, grace)
    assert recorded == ["submitting", "refused"]


async def test_nothing_is_held_back_before_the_work_says_so() -> None:
    """What was not sent cannot be lost."""
    work = Work(60, holds=False)
    began = anyio.current_time()
    with anyio.CancelScope() as scope:
        work.when_begun = scope.cancel
        await hold(work, within=60)
    assert anyio.current_time() - began < 30
    assert (scope.cancelled_caught, work.steps) == (True, ["begun", "left"])


async def test_work_that_holds_comes_to_its_end_and_the_cancellation_goes_on() -> None:
    """Its result is lost to the caller, who is cancelled, and so is its error."""
    for work in (Work(0.15), Work(0.15, error=KeyError("a"))):
        with anyio.CancelScope() as scope:
            work.when_begun = scope.cancel
            await hold(work, within=60)
        assert scope.cancelled_caught
        assert work.steps[-1] == "left"
        assert ("done" in work.steps) is (work._error is None)


async def test_a_cancellation_is_held_back_no_longer_than_was_said() -> None:
    """Then the work is cancelled too."""
    work = Work(60)
    began = anyio.current_time()
    with anyio.CancelScope() as scope:
        work.when_begun = scope.cancel
        await hold(work, within=0.2)
    assert 0.2 <= anyio.current_time() - began < 30
    assert (scope.cancelled_caught, work.steps) == (True, ["begun", "left"])


async def test_the_time_counts_from_the_cancellation() -> None:
    """Work that takes long is not cut short when nobody cancels."""
    assert await hold(Work(0.1), within=0.01) == "result"


async def test_a_call_that_is_cancelled_already_does_not_begin() -> None:
    """Nothing is sent that nobody waits for."""
    work = Work(60)
    began = anyio.current_time()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await hold(work, within=0.2)
    assert scope.cancelled_caught
    assert "done" not in work.steps
    assert anyio.current_time() - began < 30


async def test_an_answer_is_kept_before_the_cancellation_goes_on() -> None:
    """And a receipt that has its answer misses nothing."""
    kept: list[str] = []

    async def keep(result: str) -> None:
        await anyio.sleep(0.1)
        kept.append(result)

    shielded = ShieldedRequest[str](keep, CancelGrace(60))
    work = Work(0.1)
    with anyio.CancelScope() as scope:
        work.when_begun = scope.cancel
        await shielded.hold(lambda: work(shielded))
    assert scope.cancelled_caught
    assert (kept, shielded.is_missing) == (["result"], False)


@pytest.mark.parametrize("verdict", RequestState)
async def test_what_was_sent_is_missing_if_its_answer_was_lost(verdict: RequestState) -> None:
    """A refusal, or what was never sent, has made nothing."""
    shielded = ShieldedRequest[str](_forget, CancelGrace(60))

    async def work() -> AAIError:
        shielded.sent()
        return TransportError("broken", verdict=verdict)

    assert isinstance(await shielded.hold(work), TransportError)
    assert shielded.is_missing is (verdict is RequestState.AMBIGUOUS)


async def test_what_is_cut_off_amid_its_parting_is_missing() -> None:
    """Nobody knows what became of it."""
    shielded = ShieldedRequest[str](_forget, CancelGrace(0.1))
    work = Work(60)
    with anyio.CancelScope() as scope:
        work.when_begun = scope.cancel
        await shielded.hold(lambda: work(shielded))
    assert shielded.is_missing


async def test_all_that_a_call_does_at_its_parting_has_one_time() -> None:
    """It runs from the cancellation."""
    grace = CancelGrace(0.2)
    deadline = grace.begin()
    await anyio.sleep(0.05)
    assert grace.begin() == deadline


async def test_an_interruption_of_the_program_is_in_no_group() -> None:
    """Whoever catches KeyboardInterrupt catches it."""

    async def work(shielded: ShieldedRequest[Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await hold(work, within=60)
    with pytest.raises(KeyboardInterrupt):
        await run_shielded(lambda: hold(work, within=60), CancelGrace(60))


async def test_something_is_finished_in_a_call_that_is_being_cancelled() -> None:
    """The cancellation goes on after it."""
    work = Work(0.1)
    with anyio.move_on_after(0.05) as scope:
        try:
            await anyio.sleep_forever()
        finally:
            await run_shielded(work.alone, CancelGrace(60))
    assert (scope.cancelled_caught, work.steps) == (True, ["begun", "done", "left"])


async def test_finishing_takes_no_longer_than_was_said() -> None:
    """Whoever cancels wants to go on."""
    work = Work(60)
    with anyio.move_on_after(0.05) as scope:
        try:
            await anyio.sleep_forever()
        finally:
            began = anyio.current_time()
            await run_shielded(work.alone, CancelGrace(0.2))
    assert 0.15 <= anyio.current_time() - began < 30
    assert (scope.cancelled_caught, work.steps) == (True, ["begun", "left"])


async def test_what_fails_while_finishing_takes_no_place_of_the_cancellation() -> None:
    """Nobody is there any more to be told."""
    with anyio.move_on_after(0.05) as scope:
        try:
            await anyio.sleep_forever()
        finally:
            await run_shielded(Work(error=KeyError("a")).alone, CancelGrace(60))
    assert scope.cancelled_caught


async def _held(work: Work) -> None:
    await hold(work, within=60)


async def _finished(work: Work) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await run_shielded(work.alone, CancelGrace(60))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
class TestOfAsyncio:
    """Cancellations that come from asyncio itself."""

    @pytest.mark.parametrize("kind", [_held, _finished])
    @pytest.mark.parametrize("times", [1, 2, 5])
    async def test_however_often_a_task_is_cancelled_its_work_ends_and_it_is_cancelled(
        self, kind: Callable[[Work], Coroutine[Any, Any, None]], times: int
    ) -> None:
        """Each of the cancellations is counted, and none is taken for another's."""
        before, work = asyncio.all_tasks(), Work()
        work.may_end = anyio.Event()
        task = asyncio.create_task(kind(work))
        await asyncio.sleep(0.02)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
        work.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert task.cancelling() == times
        assert work.steps == ["begun", "done", "left"]
        assert asyncio.all_tasks() == before

    async def test_cancelled_again_and_again_it_still_ends_in_time(self) -> None:
        """No number of cancellations makes it wait longer, or not at all."""
        task = asyncio.create_task(hold(Work(60), within=0.3))
        await asyncio.sleep(0.02)
        began = anyio.current_time()
        while not task.done():
            task.cancel()
            await asyncio.sleep(0.01)
        assert 0.25 < anyio.current_time() - began < 30
        assert task.cancelled()

    async def test_a_timeout_of_asyncio_stays_one(self) -> None:
        """The work has ended by then."""
        before, work = asyncio.all_tasks(), Work(0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                work.when_begun = lambda: timeout.reschedule(asyncio.get_running_loop().time())
                await hold(work, within=60)
        assert work.steps == ["begun", "done", "left"]
        assert task_of_this_test().cancelling() == 0
        assert asyncio.all_tasks() == before

    async def test_a_group_whose_other_task_fails_gets_that_failure_alone(self) -> None:
        """The cancellation of a sibling is no error of its own."""
        before, work, begun = asyncio.all_tasks(), Work(0.05), asyncio.Event()
        work.when_begun = begun.set

        async def fail() -> None:
            await begun.wait()
            raise KeyError("a")

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(hold(work, within=60))
                tasks.create_task(fail())
        assert [type(error) for error in caught.value.exceptions] == [KeyError]
        assert work.steps == ["begun", "done", "left"]
        assert asyncio.all_tasks() == before

    @pytest.mark.parametrize("error", [None, KeyError("a")], ids=["well", "badly"])
    async def test_nothing_is_left_of_a_call_that_was_not_cancelled(self, error: Exception | None) -> None:
        """Neither a task nor a cancellation, which would hit whatever is awaited next."""
        before = asyncio.all_tasks()
        outcome: Any = await asyncio.gather(hold(Work(0.01, error=error), within=60), return_exceptions=True)
        assert outcome == [error or "result"]
        with pytest.raises(KeyError) if error else anyio.move_on_after(60):
            await hold(Work(0.01, error=error), within=60)
        assert task_of_this_test().cancelling() == 0
        assert asyncio.all_tasks() == before
        await asyncio.sleep(0)

    async def test_a_task_that_was_uncancelled_goes_on(self) -> None:
        """As a supervisor does that has seen to the cancellation."""
        work = Work(0.1)

        async def supervise() -> str:
            try:
                await hold(work, within=60)
            except asyncio.CancelledError:
                task_of_this_test().uncancel()
            return str(await hold(Work(), within=60))

        begun = asyncio.Event()
        work.when_begun = begun.set
        task = asyncio.create_task(supervise())
        await begun.wait()
        task.cancel()
        assert await task == "result"
        assert work.steps[-2:] == ["done", "left"]

    async def test_a_cancellation_that_comes_while_something_is_finished_is_raised(self) -> None:
        """Also where nobody had cancelled the call before."""
        work, begun = Work(0.05), asyncio.Event()
        work.when_begun = begun.set
        task = asyncio.create_task(run_shielded(work.alone, CancelGrace(60)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.steps == ["begun", "done", "left"]
