"""
A submit that makes one job, and never a second one that is billed too.

There is no idempotency key. So when an answer was lost, the job is looked for in the list before anything is
sent again: an upload that nothing else was made of proves it, and anything else has to look the same.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import anyio
import attrs

from aai_async import _endpoints
from aai_async._answers.listing import TranscriptListItem, TranscriptPage
from aai_async._answers.transcript import Transcript
from aai_async._errors import AAIError, AmbiguousSubmitError, ServerError, Verdict, about
from aai_async._events import OnEvent, Submitted, logger, tell
from aai_async._http import HTTP
from aai_async._options import Options
from aai_async._parting import finish

OnAmbiguous: TypeAlias = Literal["lookup", "raise"]

_LOOKS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look into the list, which may lag behind: nobody says how far."""

_REPEATS = 2
"""How many times a submit whose answer was lost is sent again, where the list shows no job."""

_PAGES = 10
"""Pages of 200 that are looked through."""

_OLDEST = dt.timedelta(minutes=5)
"""How much older than the submit the list is looked through, since its order is not promised."""

_CLOCKS_DIFFER = dt.timedelta(seconds=2)
"""By how much the times of a reply and of a job may differ; the first has whole seconds."""

_MOST_REMEMBERED = 10_000


@attrs.define(kw_only=True)
class Job:
    """
    What is known so far of the job that a call makes; give one to keep it when the call is cancelled.

    ``job = aai.Job()``, then ``client.transcribe(audio, job=job)``: whatever becomes of the call, the job has
    its id from the moment that the service has told it.
    """

    upload_url: str | None = None
    """What `Client.submit` takes, once the recording is uploaded."""

    transcript_id: str | None = None
    """What `Client.wait` takes, once the job is made, which is billed."""


class Memory:
    """What a client remembers of its doings: uploads that are not submitted yet, and its latest jobs."""

    def __init__(self) -> None:
        self._uploads = OrderedDict[str, None]()
        self._jobs = OrderedDict[str, float]()

    def uploaded(self, url: str) -> None:
        """An upload has this address, which no other has."""
        _add(self._uploads, url, None)

    def take_upload(self, url: str) -> bool:
        """Tell whether this address is of an upload that nothing was made of, and take it for a job."""
        return self._uploads.pop(url, 0) is None

    def made(self, transcript_id: str) -> None:
        """The answer to a submit had this id."""
        _add(self._jobs, transcript_id, anyio.current_time())

    def has_made(self, transcript_id: str) -> bool:
        """Whether it is the id of another submit."""
        return transcript_id in self._jobs

    def age(self, transcript_id: str) -> float:
        """Seconds since the job was made here; infinity if it was not."""
        return anyio.current_time() - self._jobs.get(transcript_id, -math.inf)


def _add(memory: OrderedDict[str, Any], key: str, value: object) -> None:
    memory[key] = value
    if len(memory) > _MOST_REMEMBERED:
        memory.popitem(last=False)


@attrs.frozen(kw_only=True)
class Submission:
    """One job to be made of an address, with all that is sent and looked up for it."""

    http: HTTP
    memory: Memory
    audio_url: str
    options: Options
    job: Job
    on_ambiguous: OnAmbiguous
    on_event: OnEvent | None
    parting: float
    """Seconds to learn the id in, when the call is cancelled."""

    async def make(self) -> Transcript:
        """
        Make the job, and give it as the service answered.

        Raises:
            AmbiguousSubmitError: It may have been made; the list does not tell.
            AAIError: It was not made.
        """
        search = _Search(self, began=anyio.current_time(), is_unique=self.memory.take_upload(self.audio_url))
        outcome = await self._post()
        if isinstance(outcome, Transcript):
            return outcome
        if outcome.verdict is Verdict.AMBIGUOUS:
            return await self._resolve(search, outcome)
        if search.is_unique:
            self.memory.uploaded(self.audio_url)
        raise outcome

    async def _post(self) -> Transcript | AAIError:
        try:
            return await self.http.perform(_endpoints.submit(self.audio_url, self.options), keep=self._keep)
        except AAIError as error:
            return error

    async def _resolve(self, search: _Search, lost: AAIError) -> Transcript:
        """Find the job of a submit whose answer was lost, or make it where there is none."""
        for repeats in range(_REPEATS + 1):
            if self.on_ambiguous == "raise":
                break
            found = await self._found_by(search, lost)
            if found is not None:
                return await self._adopt(found)
            if not search.is_unique or repeats == _REPEATS:
                break
            outcome = await self._post()
            if isinstance(outcome, Transcript):
                return outcome
            lost = outcome
            if lost.verdict is not Verdict.AMBIGUOUS:
                break
        raise _ambiguous(lost) from lost

    def _keep(self, transcript: Transcript) -> None:
        self.memory.made(transcript.id)
        self.job.transcript_id = transcript.id
        tell(self.on_event, Submitted(transcript_id=transcript.id, upload_url=self.audio_url))

    async def _found_by(self, search: _Search, lost: AAIError) -> str | None:
        # A 503 says that nothing was done, if not for sure: one look is enough.
        looks = _LOOKS[:1] if isinstance(lost, ServerError) and lost.status == 503 else _LOOKS
        try:
            for wait in looks:
                await anyio.sleep(wait)
                found = await self._look(search, lost)
                if found is not None:
                    return found
        except anyio.get_cancelled_exc_class():
            await finish(lambda: self._look_and_keep(search, lost), within=self.parting)
            raise
        return None

    async def _look_and_keep(self, search: _Search, lost: AAIError) -> None:
        try:
            found = await self._look(search, lost)
        except AAIError as error:
            logger.warning("a submit was cancelled, and it is not known whether it has made a job: %s", error)
        else:
            self.job.transcript_id = found

    async def _look(self, search: _Search, lost: AAIError) -> str | None:
        try:
            candidates = await search.candidates()
        except AAIError as error:
            raise _ambiguous(lost) from error
        if len(candidates) > 1 and not search.is_unique:
            raise _ambiguous(lost, candidates) from lost
        return candidates[0] if candidates else None

    async def _adopt(self, transcript_id: str) -> Transcript:
        self.memory.made(transcript_id)
        self.job.transcript_id = transcript_id
        logger.info("submit: its answer was lost, and the list shows the job: %s", transcript_id)
        tell(self.on_event, Submitted(transcript_id=transcript_id, upload_url=self.audio_url))
        with about(operation="submit", transcript_id=transcript_id):
            return await self.http.perform(_endpoints.get(transcript_id))


@attrs.frozen
class _Search:
    """The look into the list for a job whose id was lost."""

    submission: Submission
    began: float = attrs.field(kw_only=True)
    """When the submit was first sent, by the clock of the event loop."""
    is_unique: bool = attrs.field(kw_only=True)
    """Whether nothing else can have been made of its address."""

    async def candidates(self) -> tuple[str, ...]:
        """Give the ids of the jobs that may be it, newest first."""
        found: list[str] = []
        before_id: str | None = None
        for _ in range(_PAGES):
            shelf = await self.submission.http.perform(_endpoints.recent_page(before_id))
            began = self._began_by(shelf.now)
            found += [item.id for item in shelf.page.transcripts if await self._may_be(item, began)]
            before_id = shelf.page.page_details.older_than
            if before_id is None or _is_older(shelf.page, began):
                break
        return tuple(found)

    async def _may_be(self, item: TranscriptListItem, began: dt.datetime | None) -> bool:
        if not item.id or item.audio_url != self.submission.audio_url:
            return False
        return self.is_unique or await self._looks_the_same(item, began)

    def _began_by(self, now: dt.datetime | None) -> dt.datetime | None:
        """When the submit was sent, by the service's clock: ours may be days off."""
        return now and now - dt.timedelta(seconds=anyio.current_time() - self.began)

    async def _looks_the_same(self, item: TranscriptListItem, began: dt.datetime | None) -> bool:
        created = _in_utc(item.created)
        if began is None or created is None or created < began - _CLOCKS_DIFFER:
            return False
        if self.submission.memory.has_made(item.id):
            return False
        seen = await self.submission.http.perform(_endpoints.get(item.id))
        return _is_shown(self.submission.options.payload(), seen.raw)


def _is_older(page: TranscriptPage, began: dt.datetime | None) -> bool:
    """Whether what follows a page is older than what is looked for."""
    oldest = _in_utc(page.transcripts[-1].created) if page.transcripts else None
    return oldest is not None and began is not None and oldest < began - _OLDEST


def _in_utc(time: dt.datetime | None) -> dt.datetime | None:
    # The service names no zone.
    return time and (time if time.tzinfo else time.replace(tzinfo=dt.UTC))


def _is_shown(sent: object, echoed: object) -> bool:
    """Tell whether what was sent stands in what is echoed; what was switched off may be left out there."""
    if echoed is None:
        return not sent
    if isinstance(sent, Mapping) and isinstance(echoed, Mapping):
        shown = cast("Mapping[str, object]", echoed)
        return all(
            _is_shown(value, shown.get(name)) for name, value in cast("Mapping[str, object]", sent).items()
        )
    if isinstance(sent, Sequence) and isinstance(echoed, Sequence):
        return list(cast("Sequence[object]", sent)) == list(cast("Sequence[object]", echoed))
    return sent == echoed


def _ambiguous(error: AAIError, candidates: tuple[str, ...] = ()) -> AmbiguousSubmitError:
    which = f" One of these may be it: {', '.join(candidates)}." if candidates else ""
    return AmbiguousSubmitError(
        f"The submit was sent, but its answer was lost ({error.args[0]}). A job may exist, and be billed: "
        f"look for this audio_url in Client.list before you submit it again.{which}",
        candidates=candidates,
        operation="submit",
        attempts=error.attempts,
        verdict=error.verdict,
    )
