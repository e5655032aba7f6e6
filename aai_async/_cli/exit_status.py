"""Exit statuses, by which a shell script can decide what to do next."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    ConfigError,
    JournalError,
    SaveError,
    SourceError,
)
from aai_async._models.outcome import BatchAbortedError


class ExitStatus(enum.IntEnum):
    """The exit status of a command."""

    OK = 0
    """Everything succeeded."""

    FAILED = 1
    """Nothing succeeded."""

    USAGE = 2
    """The command line is wrong; nothing was sent."""

    PARTIAL = 3
    """Some recordings failed, and the same command would not help; or a bound was reached."""

    SETUP = 4
    """The key is missing or refused, or something is not installed."""

    RETRY = 5
    """Some recordings failed for now: a connection, a limit, a full disk. A rerun would help."""

    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; the journal is saved."""

    BROKEN_PIPE = 141
    """The reader of standard output, such as `head`, has exited: the status after SIGPIPE."""


def is_setup_error(error: BaseException | None) -> bool:
    """Return whether every request fails until the key or the set-up is changed."""
    if isinstance(error, (BatchAbortedError, AmbiguousSubmitError)):
        error = error.__cause__
    return isinstance(error, (AccountError, ConfigError))


def is_wrong_name(error: BaseException | None) -> bool:
    """Return whether something that was named cannot be used: a missing file or bucket, or access denied."""
    while isinstance(error, (BatchAbortedError, SaveError, JournalError)):
        error = error.__cause__
    return isinstance(error, SourceError) and not error.is_transient


def condition_of_rerun(errors: Iterable[AAIError]) -> str:
    """Return the condition under which a rerun can help; empty if a failure can pass by itself."""
    can_pass = any(error.is_transient or is_setup_error(error) for error in errors)
    return "" if can_pass else " after a correction"


def status_of_refusals(errors: Sequence[AAIError]) -> ExitStatus:
    """Return the exit status if nothing was sent, because names cannot be used."""
    can_pass = bool(errors) and all(error.is_transient for error in errors)
    return ExitStatus.RETRY if can_pass else ExitStatus.USAGE


def status_without_results(error: AAIError) -> ExitStatus:
    """Return the exit status of a command that an error has ended before it had any result."""
    if is_wrong_name(error):
        return ExitStatus.USAGE
    return exit_status(succeeded=0, errors=[error])


def status_of_files(*, succeeded: int, errors: Sequence[AAIError]) -> ExitStatus:
    """Return the exit status of a command that reads files: wrong usage if none of them can be used."""
    if errors and not succeeded and all(map(is_wrong_name, errors)):
        return ExitStatus.USAGE
    return exit_status(succeeded=succeeded, errors=errors)


def exit_status(*, succeeded: int, errors: Iterable[AAIError]) -> ExitStatus:
    """Return the exit status for a number of successes and the errors of the rest."""
    errors = list(errors)
    if not errors:
        return ExitStatus.OK
    if any(map(is_setup_error, errors)):
        return ExitStatus.SETUP
    if any(error.is_transient for error in errors):
        return ExitStatus.RETRY
    return ExitStatus.PARTIAL if succeeded else ExitStatus.FAILED
