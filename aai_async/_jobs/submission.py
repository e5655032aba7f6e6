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
from aai_async._concurrency.cancellation import Parting, Receipt, early_ends, finish
from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    RetryBudgetError,
    Verdict,
    without_secrets,
)
from aai_async._events import OnEvent, Retrying, Submitted, logger, tell
from aai_async._jobs.handle import Record
from aai_async._jobs.job_matching import Claimant, explains_better
from aai_async._jobs.list_scanner import Doubt, ListScanner
from aai_async._jobs.reconciliation import OthersOf, Search, Sight, began_at
from aai_async._jobs.registry import Memory
from aai_async._models.transcript import Transcript
from aai_async._options import Options
from aai_async._transport import HTTP

OnAmbiguous: TypeAlias = Literal["lookup", "raise"]

_LOOKS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look into the list, which may lag behind: nobody says how far."""

_REPEATS = 2
"""How many times a submit whose answer was lost is sent again, where the list shows no job."""

_PAGES = 50
"""Pages of 200 that are looked through: what is not found then may be behind them."""

_FEWEST_LOOKS = 3
"""Readings of the list until a job that shows proves that none is missing that was submitted before it."""

_SETTLING = 120.0
"""Seconds that another submit of the address is waited for, if it may have made what the list shows."""


@attrs.frozen(kw_only=True)
class Submission:
    """One job to be made of an address, with all that is sent and looked up for it."""

    http: HTTP
    scanner: ListScanner
    memory: Memory
    audio_url: str
    options: Options
    record: Record
    on_ambiguous: OnAmbiguous
    on_event: OnEvent | None
    parting: Parting
    others: OthersOf | None = None
    """Gives what a journal knows of other submits of the address."""

    async def make(self) -> Transcript:
        """
        Make the job, and give it as the service answered.

        Raises:
            AmbiguousSubmitError: It may have been made; the list does not tell.
            AAIError: It was not made.
        """
        claimant = Claimant(asked=self.options.payload(), began=began_at(anyio.current_time()))
        with self.memory.submitting(self.audio_url, claimant):
            receipt, search = self._receipt(), self._search(claimant)
            try:
                return await self._make(search, receipt)
            except early_ends():
                if receipt.is_missing:
                    await self._find_yet(search)
                else:
                    await finish(receipt.withdrawn, self.parting.begin())
                raise

    async def find(self, began: dt.datetime | None, *, doubt: Doubt | None = None) -> str | None:
        """
        Find the job of a submit whose answer was lost a while ago, and give its id; `None` if there is none.

        Args:
            began: When that would have been sent, by the service's clock; `None` where that is not known.
            doubt: What the list is read with, if an earlier process has sent it; else, this submission has.

        Raises:
            AmbiguousSubmitError: The list does not tell.
        """
        lost = AAIError("it was sent a while ago", operation="submit", verdict=Verdict.AMBIGUOUS)
        if doubt is None:
            # It is the one that is searched for.
            self.memory.not_made(self.audio_url)
        logger.info("submit: the list is searched for a job that may have been made, for up to 16 s")
        claimant = Claimant(asked=self.options.payload(), began=lambda _: began, is_lost=True)
        with self.memory.submitting(self.audio_url, claimant):
            search = self._search(claimant, doubt)
            found = await self._found_by(search, lost, 0)
            if found is not None:
                await self._adopt(found, is_earlier=doubt is not None)
                return found
            if self.on_ambiguous == "raise" or not (search.is_unique or began):
                raise _ambiguous(lost, 0)
            self.memory.not_made(self.audio_url)
            return None

    def _search(self, claimant: Claimant, doubt: Doubt | None = None) -> Search:
        return Search(
            http=self.http,
            scanner=self.scanner,
            memory=self.memory,
            address=self.audio_url,
            claimant=claimant,
            others=self.others,
            doubt=doubt,
        )

    def _receipt(self) -> Receipt[Transcript]:
        async def keep(made: Transcript) -> None:
            await self.record.submitted(made.id)
            self.memory.made(made.id, self.audio_url, sent_at=receipt.sent_at)
            tell(self.on_event, Submitted(transcript_id=made.id, upload_url=self.audio_url))

        receipt = Receipt[Transcript](
            keep,
            self.parting,
            announce=lambda: self.record.submitting(self.http.service_time),
            withdraw=self.record.refused,
        )
        return receipt

    async def _make(self, search: Search, receipt: Receipt[Transcript]) -> Transcript:
        outcome = await self._post(search.claimant, receipt)
        if isinstance(outcome, Transcript):
            return outcome
        if outcome.verdict is Verdict.AMBIGUOUS:
            return await self._resolve(search, receipt, outcome)
        self.memory.not_made(self.audio_url)
        raise outcome

    async def _post(self, claimant: Claimant, receipt: Receipt[Transcript]) -> Transcript | AAIError:
        began = anyio.current_time()

        def can_be_own(made: Transcript) -> bool:
            rivals = self.memory.rivals(self.audio_url, claimant)
            is_anothers = any(explains_better(rival, claimant, made.raw) for rival in rivals)
            return self.memory.can_be_made_since(made.id, began) and not is_anothers

        call = endpoints.submit(self.audio_url, self.options, is_new=can_be_own)
        try:
            return await self.http.perform(call, receipt=receipt)
        except AAIError as error:
            if receipt.is_answered:
                # The job is made, and its id could not be kept.
                raise
            return error

    async def _resolve(self, search: Search, receipt: Receipt[Transcript], lost: AAIError) -> Transcript:
        """Find the job of a submit whose answer was lost, or make it where there is none."""
        attempts, last = lost.attempts, lost
        logger.info("submit: its answer was lost (%s)", type(lost).__name__)
        self.memory.lost(self.audio_url, search.claimant)
        for repeats in range(_REPEATS + 1):
            if self.on_ambiguous == "raise":
                break
            found = await self._found_by(search, lost, attempts)
            if found is not None:
                await self._adopt(found)
                receipt.is_missing = False
                return await self._seen(found)
            if repeats == _REPEATS or not search.is_unique:
                break
            logger.warning("submit: the list shows no job whose answer was lost, so it is sent again")
            tell(self.on_event, Retrying(operation="submit", attempt=attempts, delay=0.0, error=last))
            outcome = await self._post(search.claimant, receipt)
            if isinstance(outcome, Transcript):
                return outcome
            attempts, last = attempts + outcome.attempts, outcome
            if last.verdict is not Verdict.AMBIGUOUS:
                break
        raise _ambiguous(lost, attempts, was_looked_for=self.on_ambiguous == "lookup") from last

    async def _adopt(self, transcript_id: str, *, is_earlier: bool = False) -> None:
        # At once, so that no other submit of the address takes it as well.
        remember = self.memory.taken_up if is_earlier else self.memory.made
        remember(transcript_id, self.audio_url)
        await self.record.submitted(transcript_id)
        tell(self.on_event, Submitted(transcript_id=transcript_id, upload_url=self.audio_url))

    async def _found_by(self, search: Search, lost: AAIError, attempts: int) -> str | None:
        """Read the list until it shows the job; None if it was read to the end without it."""
        lost_at, sight = anyio.current_time(), Sight()
        failed: AAIError | None = None
        for number, due in enumerate(search.looks(_LOOKS), 1):
            await anyio.sleep_until(due)
            try:
                sight, failed = await search.look(due, most_pages=_PAGES), None
            except AAIError as error:
                failed = error
                if isinstance(error, (AccountError, RetryBudgetError)):
                    break
                continue
            if sight.own is not None:
                return sight.own
            if number >= _FEWEST_LOOKS and not sight.candidates and search.is_overtaken(lost_at):
                return None
        if failed is None and sight.is_open:
            sight = await self._settled(search, sight)
        if failed is not None or (sight.candidates and sight.own is None):
            raise _ambiguous(lost, attempts, sight.candidates) from (failed or lost)
        return sight.own

    async def _settled(self, search: Search, sight: Sight) -> Sight:
        """Look again as other submits of the address are settled, which may have made what the list shows."""
        with anyio.move_on_after(_SETTLING):
            while sight.is_open and sight.own is None:
                await self.memory.news(self.audio_url)
                sight = await search.look(anyio.current_time(), most_pages=_PAGES)
        return sight

    async def _seen(self, found: str) -> Transcript:
        logger.info("submit: its answer was lost, and the list shows the job: %s", found)
        try:
            return await self.http.perform(endpoints.get(found))
        except AAIError:
            # The list has shown it, so it is there; what else is asked of it will come with the next poll.
            return Transcript(id=found, status="queued", audio_url=self.audio_url)

    async def _find_yet(self, search: Search) -> None:
        """Search for the job of a submit that was cancelled, as long as the parting lasts."""
        search = search.at_once()
        self.memory.lost(self.audio_url, search.claimant)

        async def look() -> None:
            while True:
                sight = await search.look(anyio.current_time(), most_pages=_PAGES)
                if sight.own is not None:
                    await self._adopt(sight.own)
                    return
                await anyio.sleep(_LOOKS[0])

        def tell() -> None:
            logger.warning(
                "a submit was cancelled when it was sent already, and may have made a job of %s",
                without_secrets(self.audio_url),
            )

        await finish(look, self.parting.begin(), tell)


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
        verdict=Verdict.AMBIGUOUS,
    )
