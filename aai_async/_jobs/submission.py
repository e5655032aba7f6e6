"""
Submission of a job that creates one job, and never a second one, which would be billed too.

The service has no idempotency key. If a response was lost, the client therefore searches the list for the job
before it sends the request again. The only job of an upload that was submitted once is certainly the one; for
any other URL, the options have to match too.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

import anyio
import msgspec

from aai_async._api import endpoints
from aai_async._api.reply_checks import is_same_address
from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest, early_ends, run_shielded
from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    ProtocolError,
    RequestState,
    RetryBudgetError,
)
from aai_async._events import Retrying, Searching, Submitted, logger, step
from aai_async._jobs.handle import ProgressRecorder
from aai_async._jobs.job_matching import SubmitClaim, is_better_match
from aai_async._jobs.list_scanner import ListScanner, UncertainSubmit
from aai_async._jobs.reconciliation import FindOtherSubmits, ListLookup, LookupResult, began_at
from aai_async._jobs.registry import JobRegistry
from aai_async._models.transcript import Transcript
from aai_async._options import Options
from aai_async._shown_text import without_secrets
from aai_async._transport import Sender

OnAmbiguous: TypeAlias = Literal["lookup", "raise"]

_CHECK_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each reading of the list, which may lag behind; the service does not document how far."""

_REPEATS = 2
"""How many times a submit whose response was lost is sent again, if the list does not contain its job."""

_PAGES = 50
"""Maximum number of pages of 200 jobs to read; beyond them the job is neither found nor ruled out."""

_MIN_CHECKS = 3
"""Number of readings of the list before a newer job in it proves that no older one is missing."""

_LASTING = (AccountError, RetryBudgetError)
"""Failures that last; any other one may be over at the next reading of the list."""

_LOG_FIELDS = {"operation": "submit"}

_SETTLING = 120.0
"""Seconds to wait for another submit of the URL, if it may have created the listed job."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One job to be created of a URL, with everything that its submit and its search need."""

    sender: Sender
    scanner: ListScanner
    registry: JobRegistry
    audio_url: str
    options: Options
    record: ProgressRecorder
    on_ambiguous: OnAmbiguous
    grace: CancelGrace
    find_others: FindOtherSubmits | None = None
    """Returns what a journal knows about other submits of the URL."""

    async def make(self) -> Transcript:
        """
        Create the job, and return the response of the service.

        Raises:
            AmbiguousSubmitError: It may have been created; the list does not decide it.
            AAIError: It was not created.
        """
        claim = SubmitClaim(requested=self.options.payload(), began=began_at(anyio.current_time()))
        with self.registry.submitting(self.audio_url, claim):
            shielded, search = self._new_shielded(), self._search(claim)
            try:
                with step("submit") as facts:
                    created = await self._make(search, shielded)
                    facts["transcript_id"] = created.id
                    return created
            except early_ends():
                # A sent request may have created a job, so its id is still searched for. An unsent one has
                # created none, so the journal must not report it as uncertain.
                if shielded.is_missing:
                    await self._find_after_cancel(search)
                else:
                    await run_shielded(shielded.withdrawn, self.grace)
                raise

    async def find(
        self, began: dt.datetime | None, *, uncertain: UncertainSubmit | None = None
    ) -> str | None:
        """
        Search for the job of a submit whose response was lost earlier; return its id, or `None`.

        Args:
            began: When the submit would have been sent, by the service's clock; `None` if unknown.
            uncertain: The common schedule of the searches, if an earlier process sent the submit.

        Raises:
            AmbiguousSubmitError: The list does not decide whether there is a job.
        """
        lost = AAIError("it was sent a while ago", operation="submit", verdict=RequestState.AMBIGUOUS)
        if uncertain is None:
            # This process has counted that submit already, and `submitting` counts it again.
            self.registry.submit_failed(self.audio_url)
        claim = SubmitClaim(requested=self.options.payload(), began=lambda _: began, is_lost=True)
        with self.registry.submitting(self.audio_url, claim):
            search = self._search(claim, uncertain)
            found = await self._find_in_list(search, lost, 0)
            if found is not None:
                await self._adopt(found, is_earlier=uncertain is not None)
                return found
            # That no job was found proves nothing if neither the URL nor the time identifies the submit.
            if self.on_ambiguous == "raise" or not (search.is_unique or began):
                raise _ambiguous(lost, 0)
            self.registry.submit_failed(self.audio_url)
            return None

    def _search(self, claim: SubmitClaim, uncertain: UncertainSubmit | None = None) -> ListLookup:
        return ListLookup(
            sender=self.sender,
            scanner=self.scanner,
            registry=self.registry,
            audio_url=self.audio_url,
            claim=claim,
            find_others=self.find_others,
            uncertain=uncertain,
        )

    def _new_shielded(self) -> ShieldedRequest[Transcript]:
        began: dt.datetime | None = None

        async def announce(was_lost: bool) -> None:
            nonlocal began
            # A later search needs the time of the first request that may have created a job.
            if not was_lost:
                began = self.sender.service_time
            await self.record.submitting(began)

        async def keep(created: Transcript) -> None:
            # The id is recorded first, because the job is billed from now on.
            await self.record.submitted(created.id)
            self.registry.made(created.id, self.audio_url, sent_at=shielded.sent_at, is_done=created.is_done)
            self.sender.emit(Submitted(transcript_id=created.id, upload_url=self.audio_url))

        shielded = ShieldedRequest[Transcript](
            keep,
            self.grace,
            announce=announce,
            withdraw=self.record.refused,
            confirm=self._confirm,
        )
        return shielded

    async def _confirm(self, created: Transcript) -> Transcript | AAIError:
        """Return a job if it has the URL that was submitted, which a request for it shows; else an error."""
        if created.audio_url is not None:
            return created
        try:
            shown = await self.sender.send(endpoints.get(created.id))
        except AAIError as error:
            return ProtocolError(
                "The response to the submit has no audio_url, and its job cannot be fetched "
                f"({type(error).__name__}).",
                verdict=RequestState.AMBIGUOUS,
            )
        # A service that shows it nowhere proves nothing.
        if shown.audio_url is None or is_same_address(shown.audio_url, self.audio_url):
            return created
        return ProtocolError(
            "The response to the submit has no audio_url, and its job has another one.",
            verdict=RequestState.AMBIGUOUS,
        )

    async def _make(self, search: ListLookup, shielded: ShieldedRequest[Transcript]) -> Transcript:
        outcome = await self._post(search.claim, shielded)
        if isinstance(outcome, Transcript):
            return outcome
        if outcome.verdict is RequestState.AMBIGUOUS:
            return await self._resolve(search, shielded, outcome)
        self.registry.submit_failed(self.audio_url)
        raise outcome

    async def _post(self, claim: SubmitClaim, shielded: ShieldedRequest[Transcript]) -> Transcript | AAIError:
        posted_at = anyio.current_time()

        def can_be_own(created: Transcript) -> bool:
            # A faulty proxy may repeat the response to an earlier submit, or swap those of two submits.
            rivals = self.registry.concurrent_submits(self.audio_url, claim)
            is_of_other = any(is_better_match(rival, claim, created.raw) for rival in rivals)
            # A new job has not ended yet; one of an upload that was submitted once cannot be an older one.
            may_be_old = created.is_done and not self.registry.is_unique(self.audio_url)
            is_new = self.registry.can_be_made_since(created.id, posted_at) and not may_be_old
            return is_new and not is_of_other

        call = endpoints.submit(self.audio_url, self.options, is_new=can_be_own)
        try:
            return await self.sender.send(call, shielded=shielded)
        except AAIError as error:
            if shielded.is_answered:
                # The job exists, but its id could not be recorded: a search would not change that.
                raise
            return error

    async def _resolve(
        self, search: ListLookup, shielded: ShieldedRequest[Transcript], lost: AAIError
    ) -> Transcript:
        """Find the job of a submit whose response was lost, or create it if the list does not contain it."""
        attempts, last = lost.attempts, lost
        logger.info("submit: the response was lost (%s)", type(lost).__name__, extra=_LOG_FIELDS)
        self.registry.response_lost(self.audio_url, search.claim)
        for repeats in range(_REPEATS + 1):
            if self.on_ambiguous == "raise":
                break
            found = await self._find_in_list(search, lost, attempts)
            if found is not None:
                await self._adopt(found)
                shielded.is_missing = False
                return await self._fetch_found(found)
            # If others submit the URL too, a second submit could not be distinguished from theirs later.
            if repeats == _REPEATS or not search.is_unique:
                break
            logger.warning(
                "submit: the response was lost, and the list does not contain the job: submit again",
                extra=_LOG_FIELDS,
            )
            self.sender.emit(Retrying(operation="submit", attempt=attempts, delay=0.0, error=last))
            outcome = await self._post(search.claim, shielded)
            if isinstance(outcome, Transcript):
                return outcome
            attempts, last = attempts + outcome.attempts, outcome
            if last.verdict is not RequestState.AMBIGUOUS:
                break
        raise _ambiguous(lost, attempts, was_searched=self.on_ambiguous == "lookup") from last

    async def _adopt(self, transcript_id: str, *, is_earlier: bool = False) -> None:
        # Registered before anything is awaited, so that no other submit of the URL adopts it too.
        register = self.registry.resumed if is_earlier else self.registry.made
        register(transcript_id, self.audio_url)
        await self.record.submitted(transcript_id)
        self.sender.emit(Submitted(transcript_id=transcript_id, upload_url=self.audio_url))

    async def _find_in_list(self, search: ListLookup, lost: AAIError, attempts: int) -> str | None:
        """Read the list until it contains the job; return `None` if no reading contained it."""
        lost_at, result = anyio.current_time(), LookupResult()
        failed: AAIError | None = None
        self._announce_search(search.seconds_left(_CHECK_DELAYS))
        for number, due in enumerate(search.check_times(_CHECK_DELAYS), 1):
            await anyio.sleep_until(due)
            try:
                result, failed = await search.check(due, most_pages=_PAGES), None
            except AAIError as error:
                failed = error
                if isinstance(error, _LASTING):
                    break
                continue
            if result.own is not None:
                return result.own
            # The list contains a job that was submitted later, so it no longer lags behind this one.
            if number >= _MIN_CHECKS and not result.candidates and search.is_overtaken(lost_at):
                return None
        if failed is None and result.is_open:
            try:
                result = await self._wait_for_rivals(search, result)
            except AAIError as error:
                failed = error
        if failed is not None or (result.candidates and result.own is None):
            raise _ambiguous(lost, attempts, result.candidates) from (failed or lost)
        return result.own

    def _announce_search(self, seconds: float) -> None:
        message = "submit: searching the list for a job that may have been created, for up to %.0f s"
        logger.info(message, seconds, extra=_LOG_FIELDS)
        self.sender.emit(Searching(seconds=seconds))

    async def _wait_for_rivals(self, search: ListLookup, result: LookupResult) -> LookupResult:
        """Read the list again each time another submit of the URL, which may own the job, is settled."""
        self._announce_search(_SETTLING)
        with anyio.move_on_after(_SETTLING):
            while result.is_open and result.own is None:
                await self.registry.wait_for_change(self.audio_url)
                result = await search.check(anyio.current_time(), most_pages=_PAGES)
        return result

    async def _fetch_found(self, found: str) -> Transcript:
        fields = _LOG_FIELDS | {"transcript_id": found}
        logger.info("submit: the response was lost, and the list contains the job: %s", found, extra=fields)
        try:
            return await self.sender.send(endpoints.get(found))
        except AAIError:
            # The list contains the job, so it exists; its other fields come with the next poll.
            return Transcript(id=found, status="queued", audio_url=self.audio_url)

    async def _find_after_cancel(self, search: ListLookup) -> None:
        """Search for the job of a cancelled submit, until the grace period of the call ends."""
        search = search.urgent()
        self.registry.response_lost(self.audio_url, search.claim)

        async def search_repeatedly() -> None:
            while True:
                try:
                    result = await search.check(anyio.current_time(), most_pages=_PAGES)
                except _LASTING:
                    raise
                except AAIError as error:
                    name = type(error).__name__
                    logger.info("submit: the list could not be read (%s)", name, extra=_LOG_FIELDS)
                else:
                    if result.own is not None:
                        await self._adopt(result.own)
                        return
                await anyio.sleep(_CHECK_DELAYS[0])

        def warn() -> None:
            logger.warning(
                "a submit was cancelled after it was sent, and may have created a job of %s",
                without_secrets(self.audio_url),
                extra=_LOG_FIELDS,
            )

        await run_shielded(search_repeatedly, self.grace, warn)


def _ambiguous(
    lost: AAIError,
    attempts: int,
    candidates: tuple[str, ...] = (),
    *,
    was_searched: bool = True,
) -> AmbiguousSubmitError:
    found = "The list does not show it yet. " if was_searched else "The list was not searched. "
    found = f"It may be one of these: {', '.join(candidates)}. " if candidates else found
    return AmbiguousSubmitError(
        f"The submit was sent, but its response was lost ({lost.args[0]}). A job may exist and be billed. "
        f"{found}Search Client.list for this audio_url before you submit it again.",
        candidates=candidates,
        operation="submit",
        attempts=attempts,
        verdict=RequestState.AMBIGUOUS,
    )
