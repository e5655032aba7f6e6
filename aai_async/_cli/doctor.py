"""`doctor`: is everything there that a transcription needs? Each line says what was found, and the mend."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import AsyncIterator, Iterator

import attrs

from aai_async._cli import clients
from aai_async._cli.exit_status import Ending, is_of_setup
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import visible
from aai_async._client import pipeline_of
from aai_async._errors import AAIError
from aai_async._version import __version__

_CLOCK_OFF = 60.0
"""Seconds by which the clock may differ from the service's: what is looked for by its time is found then."""

_EXTRAS = {
    "server": ("starlette", "uvicorn", "faster_whisper", "onnxruntime", "av", "glin_profanity"),
    "cli": ("typer", "rich"),
    "fastapi": ("fastapi", "python_multipart"),
    "testing": ("glin_profanity", "pytest", "starlette", "uvicorn"),
}


@attrs.frozen
class Finding:
    """One thing that was looked at."""

    is_well: bool
    what: str
    mend: str = ""
    is_needed: bool = True
    """Whether nothing can be transcribed without it."""


async def examine(region: str | None, proxy: str | None) -> Ending:
    """Look at everything, and tell what was found."""
    findings = [_python(), *_packages()]
    findings += [finding async for finding in _service(region, proxy)]
    for finding in findings:
        mark = "ok  " if finding.is_well else "BAD " if finding.is_needed else "-   "
        write_out(f"{mark} {visible(finding.what)}{'' if finding.is_well else f' -> {finding.mend}'}\n")
    is_ill = any(not one.is_well and one.is_needed for one in findings)
    return Ending.SETUP if is_ill else Ending.ALL


def _python() -> Finding:
    return Finding(True, f"aai_async {__version__}, Python {platform.python_version()}, {platform.system()}")


def _packages() -> Iterator[Finding]:
    versions = (
        f"{name} {importlib.metadata.version(name)}" for name in ("httpx", "anyio", "attrs", "msgspec")
    )
    yield Finding(True, ", ".join(versions))
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        yield Finding(
            not missing,
            f"extra {extra}: {'without ' + ', '.join(missing) if missing else 'installed'}",
            f'pip install "aai-async[{extra}]"',
            is_needed=False,
        )
    yield _weights()


def _weights() -> Finding:
    mend = 'pip install "aai-async[models]"'
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding(
            False, "weights of --local: not looked for without the extra server", mend, is_needed=False
        )
    from aai_async.server.weights import WeightsError, find_model  # noqa: PLC0415 - an extra

    try:
        find_model("base")
    except WeightsError as error:
        return Finding(False, f"weights of --local: {error}", mend, is_needed=False)
    return Finding(True, "weights of --local: installed")


async def _service(region: str | None, proxy: str | None) -> AsyncIterator[Finding]:
    try:
        async with clients.client(region, proxy) as client:
            yield Finding(True, f"key: set, {len(os.environ['ASSEMBLYAI_API_KEY'])} letters")
            pipeline = pipeline_of(client)
            await pipeline.fetch_service_time()
            yield Finding(True, f"service: {pipeline.sender.base_urls.api} answers and takes the key")
            yield _clock(pipeline.sender.service_time)
    except AAIError as error:
        needs_key = is_of_setup(error)
        mend = (
            "set ASSEMBLYAI_API_KEY to a key of this region, from the dashboard of your account"
            if needs_key
            else "check the network, whether a proxy is needed (--proxy), and the service's status page"
        )
        yield Finding(False, f"service: {error}", mend)


def _clock(theirs: dt.datetime | None) -> Finding:
    if theirs is None:
        return Finding(True, "clock: the service does not tell its own")
    off = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    return Finding(
        abs(off) <= _CLOCK_OFF,
        f"clock: {off:+.0f} s from the service's",
        "set the clock of this machine by NTP",
        is_needed=False,
    )
