"""
Whose job a row of the list is, where several submits of one address may have made it.

Nothing is known but what the rows say, so a row is taken only if no other submit explains it as well. No I/O.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from aai_async._jobs.request_comparison import RequestComparison, compare_requests, is_same_request

_CLOCKS_DIFFER = dt.timedelta(seconds=10)
"""By how much the clock of replies may be ahead of the one of jobs; the first shows whole seconds."""

_NEAR = dt.timedelta(minutes=5)
"""How much older than a submit a job is that is not ruled out: clocks may differ by more than they should."""

_LONGEST_SUBMIT = dt.timedelta(minutes=15)
"""How much younger than a submit a job is that is not ruled out, though it shows other options."""


@attrs.define(eq=False, kw_only=True)
class SubmitClaim:
    """A submit that may have made a job of an address."""

    asked: Mapping[str, object]
    """Its options, as they were sent."""
    began: Callable[[dt.datetime | None], dt.datetime | None]
    """When it was sent, by the service's clock, from what that shows now; `None` where it is not known."""
    is_lost: bool = False
    """Whether its answer was lost, so that it looks for its job in the list as well."""


@attrs.frozen
class OtherSubmits:
    """What is known of the other submits of an address."""

    jobs: frozenset[str] = frozenset()
    """The jobs that they have made."""
    claims: tuple[SubmitClaim, ...] = ()
    """Those that may have made one that is not known."""


@attrs.frozen
class ListedJob:
    """A job that the list shows for the address."""

    id: str
    created: dt.datetime | None
    now: dt.datetime | None
    """When the list was read, by the service's clock."""
    answer: Mapping[str, object] | None
    """What the job's own answer says was asked; `None` if it cannot be asked for yet."""


class MatchState(enum.Enum):
    """What a job is to a submit."""

    OWN = "own"
    """It may be its job, and nobody else's."""

    OPEN = "open"
    """It may be the job of another submit as well, whose answer may still come."""

    UNDECIDED = "undecided"
    """It cannot be told whose it is, so it is not taken, and nothing is submitted again."""

    ANOTHERS = "another's"
    """It is the job of somebody else."""


def is_long_before(job: ListedJob, own: SubmitClaim) -> bool:
    """Whether a job was made so long before a submit that it cannot be its job."""
    began = own.began(job.now)
    return began is not None and job.created is not None and job.created < began - _NEAR


def match_state(job: ListedJob, own: SubmitClaim, rivals: Iterable[SubmitClaim]) -> MatchState:
    """Say what a job is to a submit, where these other submits of the address are not settled."""
    if is_long_before(job, own):
        return MatchState.ANOTHERS
    if job.answer is None:
        return MatchState.UNDECIDED
    found = compare_requests(own.asked, job.answer)
    claims = [
        (rival, compare_requests(rival.asked, job.answer)) for rival in rivals if _may_be_of(job, rival)
    ]
    claims = [(rival, its) for rival, its in claims if not its.differs]
    began = own.began(job.now)
    if found.differs:
        is_late = began is not None and job.created is not None and job.created > began + _LONGEST_SUBMIT
        is_explained = any(not its.unknown for _, its in claims)
        return MatchState.ANOTHERS if is_late or is_explained else MatchState.UNDECIDED
    if not _is_of_the_time(job, began):
        return MatchState.ANOTHERS if claims else MatchState.UNDECIDED
    contenders = [rival for rival, its in claims if _contends(rival, its, own, found)]
    if not contenders:
        return MatchState.OWN
    return MatchState.UNDECIDED if all(rival.is_lost for rival in contenders) else MatchState.OPEN


def explains_better(rival: SubmitClaim, own: SubmitClaim, answer: Mapping[str, object]) -> bool:
    """Whether another submit has asked for what a job shows, and this one has asked for less of it."""
    its, found = compare_requests(rival.asked, answer), compare_requests(own.asked, answer)
    return not its.differs and (found.differs or its.explained > found.explained)


def choose(jobs: Sequence[ListedJob], own: SubmitClaim, rivals: Iterable[SubmitClaim]) -> str | None:
    """
    Choose among jobs that may be the one of a submit and of no other; `None` if there are too many of them.

    Submits that have asked for the same, and whose answers were lost, may have one of them each.
    """
    if not jobs:
        return None
    unknown = {job.id: compare_requests(own.asked, job.answer or {}).unknown for job in jobs}
    # What one job shows and another one does not, the service shows where it was asked for.
    best = [job.id for job in jobs if unknown[job.id] == min(unknown.values())]
    alike = sum(rival.is_lost and is_same_request(rival.asked, own.asked) for rival in rivals)
    # The list is newest first.
    return best[-1] if len(best) <= 1 + alike else None


def _may_be_of(job: ListedJob, rival: SubmitClaim) -> bool:
    began = rival.began(job.now)
    return began is None or job.created is None or job.created >= began - _CLOCKS_DIFFER


def _is_of_the_time(job: ListedJob, began: dt.datetime | None) -> bool:
    return began is not None and job.created is not None and job.created >= began - _CLOCKS_DIFFER


def _contends(rival: SubmitClaim, its: RequestComparison, own: SubmitClaim, found: RequestComparison) -> bool:
    """Whether another submit explains a job at least as well, and is not as good as the own one."""
    if its.explained != found.explained:
        return its.explained > found.explained
    return not (rival.is_lost and is_same_request(rival.asked, own.asked))
