"""
The journals that runs have used, in a file of the user.

They contain the names of recordings, which the service does not know.

A failure here costs only names, so no error is raised.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from aai_async._cli.flag_values import LOCAL_JOURNAL
from aai_async._cli.terminal_text import command
from aai_async._concurrency.threads import in_thread
from aai_async._errors import JournalError
from aai_async._io import paths
from aai_async._io.object_source import is_object_uri
from aai_async._journal import Journal, sources_of

_MOST = 50
"""Journals that are known, the latest ones."""


async def remember(journal: str) -> None:
    """Note the journal of a run."""
    await in_thread(_remember, journal)


async def names_of(ids: Sequence[str]) -> dict[str, str]:
    """Return the name of the recording for each id of a transcript that a known journal contains."""
    names = dict[str, str]()
    for path in await in_thread(_known):
        if left := [one for one in ids if one not in names]:
            with contextlib.suppress(JournalError):
                async with Journal.open(path) as journal:
                    names |= await sources_of(journal, left)
    return names


async def about_local_results() -> str:
    """Return a sentence on where the latest results of `--local` are, after a space; may be empty."""
    folder = await in_thread(_latest_local)
    if folder is None:
        return ""
    return f" Results of --local stay on this machine; for the latest: {command('export', folder)}."


def _latest_local() -> Path | None:
    """Return the folder of the latest run with `--local` whose journal still exists."""
    journals = (Path(path) for path in _known())
    return next((one.parent for one in journals if one.name == LOCAL_JOURNAL and paths.is_file(one)), None)


def _file() -> Path:
    import platformdirs  # noqa: PLC0415 - for the few commands that need it

    return Path(platformdirs.user_state_dir("aai-async", appauthor=False)) / "journals"


def _known() -> list[str]:
    """Return the paths of the known journals, the latest first."""
    with contextlib.suppress(OSError, UnicodeError):
        return _file().read_text(encoding="utf-8").splitlines()[:_MOST]
    return []


def _remember(path: str) -> None:
    # Not resolved, because the journal may be a link.
    journal, known = path if is_object_uri(path) else os.path.abspath(path), _known()  # noqa: PTH100
    if known[:1] == [journal] or not journal.isprintable():
        return
    lines = [journal, *(one for one in known if one != journal)][:_MOST]
    file = _file()
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError, UnicodeError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.touch(0o600)
        draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        draft.replace(file)
