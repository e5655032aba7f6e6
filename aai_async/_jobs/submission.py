"""
A submit that makes one job, and never a second one that is billed too.

There is no idempotency key. So when an answer was lost, the job is searched for in the list before anything
is sent again: an upload that nothing else was made of proves it, and anything else has to look the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

import anyio
import attrs

from aai_async._api import endpoints
from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest, early_ends, run_shielded
from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    RequestState,
    RetryBudgetError,
    without_secrets,
)
from aai_async._events import Retrying, Submitted, logger
from aai_async._jobs.handle import ProgressRecorder
from aai_async._jobs.job_matching import SubmitClaim, explains_better
from aai_async._jobs.list_scanner import ListScanner, UncertainSubmit
from aai_async._jobs.reconciliation import FindOtherSubmits, ListLookup, LookupResult, began_at
from aai_async._jobs.registry import JobRegistry
from aai_async._models.transcript import Transcript
from aai_async._options import Options
from aai_async._transport import Sender

OnAmbiguous: TypeAlias = Literal["lookup", "raise"]

_CHECK_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look into the list, which may lag behind: nobody says how far."""

_REPEATS = 2
"""How many times a submit whose answer was lost is sent again, where the list shows no job."""

_PAGES = 50
"""Pages of 200 that are looked through: what is not found then may be behind them."""

_MIN_CHECKS = 3
"""Readings of the list until a job that shows proves that none is missing that was submitted before it."""

_SETTLING = 120.0
"""Seconds that another submit of the address is waited for, if it may have made what the list shows."""


@attrs.frozen(kw_only=True)
class Submission:
    """One job to be made of an address, with all that is sent and looked up for it."""

    sender: Sender
    scanner: ListScanner
    registry: JobRegistry
    audio_url: str
    options: Options
    record: ProgressRecorder
    on_ambiguous: OnAmbiguous
    grace: CancelGrace
    others: FindOtherSubmits | None = None
    """Gives what a journal knows of other submits of the address."""

    async def make(self) -> Transcript:
        """
        Make the job, and give it as the service answered.

        Raises:
            AmbiguousSubmitError: It may have been made; the list does not tell.
            AAIError: It was not made.
        """
        claim = SubmitClaim(asked=self.options.payload(), began=began_at(anyio.current_time()))
        with self.registry.submitting(self.audio_url, claim):
            shielded, search = self._new_shielded(), self._search(claim)
            try:
                return await self._make(search, shielded)
            except early_ends():
                if shielded.is_missing:
                    await self._find_after_cancel(search)
                else:
                    await run_shielded(shielded.withdrawn, self.grace.begin())
                raise

    async def find(
        self, began: dt.datetime | None, *, uncertain: UncertainSubmit | None = None
    ) -> str | None:
        """
        Find the job of a submit whose answer was lost a while ago, and give its id; `None` if there is none.

        Args:
            began: When that would have been sent, by the service's clock; `None` where that is not known.
            uncertain: What the list is read with, if an earlier process has sent it.

        Raises:
            AmbiguousSubmitError: The list does not tell.
        """
        lost = AAIError("it was sent a while ago", operation="submit", verdict=RequestState.AMBIGUOUS)
        if uncertain is None:
            # It is the one that is searched for.
            self.registry.submit_failed(self.audio_url)
        logger.info("submit: the list is searched for a job that may have been made, for up to 16 s")
        claim = SubmitClaim(asked=self.options.payload(), began=lambda _: began, is_lost=True)
        with self.registry.submitting(self.audio_url, claim):
            search = self._search(claim, uncertain)
            found = await self._find_in_list(search, lost, 0)
            if found is not None:
                await self._adopt(found, is_earlier=uncertain is not None)
                return found
            if self.on_ambiguous == "raise" or not (search.is_unique or began):
                raise _ambiguous(lost, 0)
            self.registry.submit_failed(self.audio_url)
            return None

    def _search(self, claim: SubmitClaim, uncertain: UncertainSubmit | None = None) -> ListLookup:
        return ListLookup(
            sender=self.sender,
            scanner=self.scanner,
            registry=self.registry,
            address=self.audio_url,
            claim=claim,
            others=self.others,
            uncertain=uncertain,
        )

    def _new_shielded(self) -> ShieldedRequest[Transcript]:
        async def keep(made: Transcript) -> None:
            await self.record.submitted(made.id)
            self.registry.made(made.id, self.audio_url, sent_at=shielded.sent_at)
            self.sender.emit(Submitted(transcript_id=made.id, upload_url=self.audio_url))

        shielded = ShieldedRequest[Transcript](
            keep,
            self.grace,
            announce=lambda: self.record.submitting(self.sender.service_time),
            withdraw=self.record.refused,
        )
        return shielded

    async def _make(self, search: ListLookup, shielded: ShieldedRequest[Transcript]) -> Transcript:
        outcome = await self._post(search.claim, shielded)
        if isinstance(outcome, Transcript):
            return outcome
        if outcome.verdict is RequestState.AMBIGUOUS:
            return await self._resolve(search, shielded, outcome)
        self.registry.submit_failed(self.audio_url)
        raise outcome

    async def _post(self, claim: SubmitClaim, shielded: ShieldedRequest[Transcript]) -> Transcript | AAIError:
        began = anyio.current_time()

        def can_be_own(made: Transcript) -> bool:
            rivals = self.registry.concurrent_submits(self.audio_url, claim)
            is_anothers = any(explains_better(rival, claim, made.raw) for rival in rivals)
            return self.registry.can_be_made_since(made.id, began) and not is_anothers

        call = endpoints.submit(self.audio_url, self.options, is_new=can_be_own)
        try:
            return await self.sender.send(call, shielded=shielded)
        except AAIError as error:
            if shielded.is_answered:
                # The job is made, and its id could not be kept.
                raise
            return error

    async def _resolve(
        self, search: ListLookup, shielded: ShieldedRequest[Transcript], lost: AAIError
    ) -> Transcript:
        """Find the job of a submit whose answer was lost, or make it where there is none."""
        attempts, last = lost.attempts, lost
        logger.info("submit: its answer was lost (%s)", type(lost).__name__)
        self.registry.response_lost(self.audio_url, search.claim)
        for repeats in range(_REPEATS + 1):
            if self.on_ambiguous == "raise":
                break
            found = await self._find_in_list(search, lost, attempts)
            if found is not None:
                await self._adopt(found)
                shielded.is_missing = False
                return await self._fetch_found(found)
            if repeats == _REPEATS or not search.is_unique:
                break
            logger.warning("submit: the list shows no job whose answer was lost, so it is sent again")
            self.sender.emit(Retrying(operation="submit", attempt=attempts, delay=0.0, error=last))
            outcome = await self._post(search.claim, shielded)
            if isinstance(outcome, Transcript):
                return outcome
            attempts, last = attempts + outcome.attempts, outcome
            if last.verdict is not RequestState.AMBIGUOUS:
                break
        raise _ambiguous(lost, attempts, was_looked_for=self.on_ambiguous == "lookup") from last

    async def _adopt(self, transcript_id: str, *, is_earlier: bool = False) -> None:
        # At once, so that no other submit of the address takes it as well.
        remember = self.registry.resumed if is_earlier else self.registry.made
        remember(transcript_id, self.audio_url)
        await self.record.submitted(transcript_id)
        self.sender.emit(Submitted(transcript_id=transcript_id, upload_url=self.audio_url))

    async def _find_in_list(self, search: ListLookup, lost: AAIError, attempts: int) -> str | None:
        """Read the list until it shows the job; None if it was read to the end without it."""
        lost_at, result = anyio.current_time(), LookupResult()
        failed: AAIError | None = None
        for number, due in enumerate(search.check_times(_CHECK_DELAYS), 1):
            await anyio.sleep_until(due)
            try:
                result, failed = await search.check(due, most_pages=_PAGES), None
            except AAIError as error:
                failed = error
                if isinstance(error, (AccountError, RetryBudgetError)):
                    break
                continue
            if result.own is not None:
                return result.own
            if number >= _MIN_CHECKS and not result.candidates and search.is_overtaken(lost_at):
                return None
        if failed is None and result.is_open:
            result = await self._wait_for_rivals(search, result)
        if failed is not None or (result.candidates and result.own is None):
            raise _ambiguous(lost, attempts, result.candidates) from (failed or lost)
        return result.own

    async def _wait_for_rivals(self, search: ListLookup, result: LookupResult) -> LookupResult:
        """Look again as other submits of the address are settled, which may have made what the list shows."""
        with anyio.move_on_after(_SETTLING):
            while result.is_open and result.own is None:
                await self.registry.wait_for_change(self.audio_url)
                result = await search.check(anyio.current_time(), most_pages=_PAGES)
        return result

    async def _fetch_found(self, found: str) -> Transcript:
        logger.info("submit: its answer was lost, and the list shows the job: %s", found)
        try:
            return await self.sender.send(endpoints.get(found))
        except AAIError:
            # The list has shown it, so it is there; what else is asked of it will come with the next poll.
            return Transcript(id=found, status="queued", audio_url=self.audio_url)

    async def _find_after_cancel(self, search: ListLookup) -> None:
        """Search for the job of a submit that was cancelled, as long as the parting lasts."""
        search = search.urgent()
        self.registry.response_lost(self.audio_url, search.claim)

        async def look() -> None:
            while True:
                result = await search.check(anyio.current_time(), most_pages=_PAGES)
                if result.own is not None:
                    await self._adopt(result.own)
                    return
                await anyio.sleep(_CHECK_DELAYS[0])

        def tell() -> None:
            logger.warning(
                "a submit was cancelled when it was sent already, and may have made a job of %s",
                without_secrets(self.audio_url),
            )

        await run_shielded(look, self.grace.begin(), tell)


def _ambiguous(
    lost: AAIError,
    attempts: int,
    candidates: tuple[str, ...] = (),
    *,
    was_looked_for: bool = True,
) -> AmbiguousSubmitError:
    seen = "The list does not show it yet. " if was_looked_for else "It was not looked for. "
    seen = f"One of these may be it: {', '.join(candidates)}. " if candidates else seen
    return AmbiguousSubmitError(
        f"The submit was sent, but its answer was lost ({lost.args[0]}). A job may exist, and be billed. "
        f"{seen}Look for this audio_url in Client.list before you submit it again.",
        candidates=candidates,
        operation="submit",
        attempts=attempts,
        verdict=RequestState.AMBIGUOUS,
    )
