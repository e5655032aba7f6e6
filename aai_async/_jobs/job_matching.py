"""
Which listed job belongs to a submit, if several submits of one URL may have created it.

Only the listed jobs themselves are evidence. A job is therefore adopted only if no other submit explains it
equally well: a wrong match would give two calls the same job, and lose the other job. No I/O.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from aai_async._jobs.request_comparison import RequestComparison, compare_requests, is_same_request

_CLOCK_TOLERANCE = dt.timedelta(seconds=10)
"""Maximum lead of the clock of responses, which shows whole seconds, over the clock of jobs."""

_LEAST_AGE = dt.timedelta(minutes=5)
"""How much older than a submit a job must be to be ruled out: the clocks may differ more than usual."""

_LONGEST_SUBMIT = dt.timedelta(minutes=15)
"""How much newer than a submit a job with other options must be to be ruled out."""


class SubmitClaim(msgspec.Struct, eq=False, kw_only=True):
    """A submit that may have created a job of a URL."""

    requested: Mapping[str, object]
    """Its options, as they were sent."""
    began: Callable[[dt.datetime | None], dt.datetime | None]
    """Returns when it was sent by the service's clock, given the time of that clock; `None` if unknown."""
    is_lost: bool = False
    """Whether its response was lost, so that it searches the list for its job too."""


class OtherSubmits(msgspec.Struct, frozen=True):
    """What is known about the other submits of a URL."""

    jobs: frozenset[str] = frozenset()
    """The ids of the jobs that they created."""
    claims: tuple[SubmitClaim, ...] = ()
    """Those that may have created a job whose id is unknown."""


class ListedJob(msgspec.Struct, frozen=True):
    """A job of the URL in the list."""

    id: str
    created: dt.datetime | None
    now: dt.datetime | None
    """When the list was read, by the service's clock."""
    shown: Mapping[str, object] | None
    """The options that the job itself shows; `None` if they are not needed or cannot be fetched yet."""


class MatchState(enum.Enum):
    """The relation of a job to a submit."""

    OWN = "own"
    """It may be the job of this submit, and of no other one."""

    OPEN = "open"
    """It may also be the job of another submit whose response may still arrive."""

    UNDECIDED = "undecided"
    """Its submit cannot be determined, so it is not adopted, and nothing is submitted again."""

    OTHER = "other"
    """It is the job of another submit."""


def is_long_before(job: ListedJob, own: SubmitClaim) -> bool:
    """Return whether a job is so much older than a submit that it cannot be its job."""
    began = own.began(job.now)
    return began is not None and job.created is not None and job.created < began - _LEAST_AGE


def match_state(job: ListedJob, own: SubmitClaim, rivals: Iterable[SubmitClaim]) -> MatchState:
    """Return the relation of a job to a submit, given the other unsettled submits of the URL."""
    if is_long_before(job, own):
        return MatchState.OTHER
    if job.shown is None:
        return MatchState.UNDECIDED
    comparison = compare_requests(own.requested, job.shown)
    matches = [
        (rival, compare_requests(rival.requested, job.shown))
        for rival in rivals
        if _may_be_of(job, rival.began(job.now))
    ]
    matches = [(rival, other) for rival, other in matches if not other.differs]
    began = own.began(job.now)
    if comparison.differs:
        # The service may have changed an option, so other options alone do not rule the job out.
        is_late = began is not None and job.created is not None and job.created > began + _LONGEST_SUBMIT
        is_explained = any(not other.unknown for _, other in matches)
        return MatchState.OTHER if is_late or is_explained else MatchState.UNDECIDED
    if began is None or job.created is None or not _may_be_of(job, began):
        return MatchState.OTHER if matches else MatchState.UNDECIDED
    competitors = [rival for rival, other in matches if _competes(rival, other, own, comparison)]
    if not competitors:
        return MatchState.OWN
    # A response that is still awaited may settle it; lost ones never do.
    return MatchState.UNDECIDED if all(rival.is_lost for rival in competitors) else MatchState.OPEN


def is_better_match(rival: SubmitClaim, own: SubmitClaim, shown: Mapping[str, object]) -> bool:
    """Return whether a job shows the options of another submit, and fewer or none of this one."""
    other, comparison = compare_requests(rival.requested, shown), compare_requests(own.requested, shown)
    return not other.differs and (comparison.differs or other.confirmed > comparison.confirmed)


def choose(jobs: Sequence[ListedJob], own: SubmitClaim, rivals: Iterable[SubmitClaim]) -> str | None:
    """
    Choose among jobs that may belong to a submit and to no other one; `None` if there are too many.

    Submits with equal options whose responses were lost may each have one of them: it does not matter which.
    """
    if not jobs:
        return None
    unknown = {job.id: compare_requests(own.requested, job.shown or {}).unknown for job in jobs}
    # If one job shows an option and another does not, only the first was requested with it.
    best = [job.id for job in jobs if unknown[job.id] == min(unknown.values())]
    equal = sum(rival.is_lost and is_same_request(rival.requested, own.requested) for rival in rivals)
    # The list is newest first.
    return best[-1] if len(best) <= 1 + equal else None


def _may_be_of(job: ListedJob, began: dt.datetime | None) -> bool:
    """Return whether a job is no older than a submit, as far as is known."""
    return began is None or job.created is None or job.created >= began - _CLOCK_TOLERANCE


def _competes(
    rival: SubmitClaim, other: RequestComparison, own: SubmitClaim, comparison: RequestComparison
) -> bool:
    """Return whether another submit matches a job at least as well, and may not swap jobs with this one."""
    if other.confirmed != comparison.confirmed:
        return other.confirmed > comparison.confirmed
    return not (rival.is_lost and is_same_request(rival.requested, own.requested))
