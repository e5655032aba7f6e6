"""How names and paths are written for a terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Sequence

from aai_async._cli import safe_names
from aai_async._cli.shell_words import in_shell_words
from aai_async._command_lines import command_line
from aai_async._errors import AAIError, SaveError, SourceError


def readable(name: str | os.PathLike[str]) -> str:
    """Return a file name as text in any locale: the bytes of a name need not be text."""
    return safe_names.encoded(os.fspath(name)).decode("utf-8", "backslashreplace")


def readable_paths(paths: Sequence[str]) -> str:
    """Return paths as text; files that differ in their suffix only are shortened: `out/x.mp3.{txt,srt}`."""
    parts = [os.path.splitext(path) for path in paths]  # noqa: PTH122 - a path or a URI
    stems = {stem for stem, _ in parts}
    if len(paths) > 1 and len(stems) == 1:
        return f"{readable(stems.pop())}.{{{','.join(suffix[1:] for _, suffix in parts)}}}"
    return ", ".join(map(readable, paths))


def command(*words: str | os.PathLike[str]) -> str:
    """Return a command line of this program to copy, in backticks."""
    return command_line(["aai-async", *map(readable, words)])


def shown_error(error: AAIError, *, name: str = "") -> str:
    """
    Return the message of an error in the words of a shell, with the id of its transcript.

    The id is left out if it is the name that stands before the message.
    """
    transcript_id = error.transcript_id
    message = in_shell_words(str(error.args[0]), transcript_id)
    is_known = transcript_id is None or transcript_id in message or transcript_id == name
    return message if is_known else f"{message} (transcript {transcript_id})"


def error_about(name: str, error: AAIError) -> str:
    """Return the message of an error, after the name that it is about, unless it names the file itself."""
    message = shown_error(error)
    return message if isinstance(error, (SaveError, SourceError)) else f"{name}: {message}"


@contextlib.contextmanager
def errors_as_lines(print_line: Callable[[str], object]) -> Generator[None]:
    """Give the message of an error to a function: what was done before it is done."""
    try:
        yield
    except AAIError as error:
        print_line(shown_error(error))
    except OSError as error:
        print_line(as_text(error))


def as_text(message: object) -> str:
    """Return a message as text that can be encoded: it can contain a file name that cannot."""
    return str(message).encode("utf-8", "backslashreplace").decode()


def flag_of_bound(bound: str) -> str:
    """Return a bound of a batch as it is given in the command: `--max-hours 2` for `max_hours=2`."""
    return "--" + bound.replace("_", "-").replace("=", " ")
