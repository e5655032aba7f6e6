"""Exit statuses: what a shell script can tell from how a command ended."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    APIError,
    ConfigError,
    DeadlineError,
    FileChangedError,
    JournalFullError,
    JournalLockedError,
    RateLimitError,
    RetryBudgetError,
    SaveError,
    ServerError,
    TransportError,
    UploadGoneError,
)
from aai_async._models.outcome import BatchAbortedError


class Ending(enum.IntEnum):
    """How a command ended."""

    ALL = 0
    """All went well."""

    NONE = 1
    """Nothing did."""

    USAGE = 2
    """What was asked for cannot be meant; nothing was sent."""

    SOME = 3
    """Some went well, and the others would not if it was run again."""

    SETUP = 4
    """There is no key, or it is not taken, or something is not installed."""

    AGAIN = 5
    """Some did not go well for now: a connection, a limit, a full disk. Run again, it would go on."""

    INTERRUPTED = 130
    """After Ctrl-C or SIGTERM; what is in the journal is saved."""

    NOBODY_READS = 141
    """Whoever read standard output has gone, such as `head`: as if by SIGPIPE."""


_FOR_NOW = (
    AmbiguousSubmitError,
    DeadlineError,
    FileChangedError,
    JournalFullError,
    JournalLockedError,
    RateLimitError,
    RetryBudgetError,
    SaveError,
    ServerError,
    TransportError,
    UploadGoneError,
)


def is_of_setup(error: BaseException | None) -> bool:
    """Whether nothing would go well before the key or the set-up is another."""
    if isinstance(error, (BatchAbortedError, AmbiguousSubmitError)):
        error = error.__cause__
    return isinstance(error, (AccountError, ConfigError))


def passes(error: BaseException) -> bool:
    """Whether what went wrong may be gone when the command is run again."""
    if isinstance(error, BatchAbortedError):
        return error.__cause__ is not None and passes(error.__cause__)
    return isinstance(error, _FOR_NOW) and not (isinstance(error, APIError) and is_of_setup(error))


def ending(*, good: int, errors: Iterable[AAIError]) -> Ending:
    """Tell how it ended, from how many went well and what went wrong with the others."""
    errors = list(errors)
    if not errors:
        return Ending.ALL
    if any(map(is_of_setup, errors)):
        return Ending.SETUP
    if any(map(passes, errors)):
        return Ending.AGAIN
    return Ending.SOME if good else Ending.NONE
