"""`doctor`: checks what a transcription needs. Each line has a result and, if it is bad, what to do."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import AsyncIterator, Iterator

import attrs

from aai_async._cli import clients
from aai_async._cli.exit_status import ExitStatus, is_setup_error
from aai_async._cli.flags import ConnectionFlags
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import shown_error
from aai_async._client import pipeline_of
from aai_async._errors import AAIError
from aai_async._progress.lines import visible
from aai_async._version import __version__

_MAX_CLOCK_ERROR = 60.0
"""Seconds by which the clock may differ from the service's. A search of the list by time allows for them."""

_EXTRAS = {
    "server": ("starlette", "uvicorn", "faster_whisper", "onnxruntime", "av", "glin_profanity"),
    "cli": ("typer", "rich", "platformdirs"),
    "docx": ("docx",),
    "tables": ("arro3",),
    "fastapi": ("fastapi", "python_multipart"),
    "testing": ("glin_profanity", "pytest", "starlette", "uvicorn"),
}


@attrs.frozen
class Finding:
    """The result of one check."""

    is_ok: bool
    what: str
    fix: str = ""
    is_required: bool = True
    """Whether nothing can be transcribed without it."""


async def examine(connection: ConnectionFlags) -> ExitStatus:
    """Run all checks and show their results."""
    findings = [_python(), *_packages()]
    findings += [finding async for finding in _service(connection)]
    for finding in findings:
        mark = "ok  " if finding.is_ok else "BAD " if finding.is_required else "-   "
        write_line(visible(f"{mark} {finding.what}{'' if finding.is_ok else f' -> {finding.fix}'}"))
    is_broken = any(not one.is_ok and one.is_required for one in findings)
    return ExitStatus.SETUP if is_broken else ExitStatus.OK


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
            f"extra {extra}: {'missing ' + ', '.join(missing) if missing else 'installed'}",
            f'pip install "aai-async[{extra}]"',
            is_required=False,
        )
    yield _weights()


def _weights() -> Finding:
    fix = 'pip install "aai-async[models]"'
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding(
            False, "weights of --local: not checked without the extra server", fix, is_required=False
        )
    from aai_async.server.weights import WeightsError, find_model  # noqa: PLC0415 - an extra

    try:
        find_model("base")
    except WeightsError as error:
        return Finding(False, f"weights of --local: {error}", fix, is_required=False)
    return Finding(True, "weights of --local: installed")


async def _service(connection: ConnectionFlags) -> AsyncIterator[Finding]:
    try:
        async with clients.client(connection) as client:
            yield Finding(True, f"key: set, {len(os.environ['ASSEMBLYAI_API_KEY'])} characters")
            pipeline = pipeline_of(client)
            await pipeline.fetch_service_time()
            yield Finding(True, f"service: {pipeline.sender.base_urls.api} responds and accepts the key")
            yield _clock(pipeline.sender.service_time)
    except AAIError as error:
        needs_key = is_setup_error(error)
        fix = (
            "set ASSEMBLYAI_API_KEY to a key of this region, from the dashboard of your account"
            if needs_key
            else "check the network, whether a proxy is needed (--proxy), and the service's status page"
        )
        yield Finding(False, f"service: {shown_error(error)}", fix)


def _clock(theirs: dt.datetime | None) -> Finding:
    if theirs is None:
        return Finding(True, "clock: not checked, the responses of the service have no time")
    error = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    return Finding(
        abs(error) <= _MAX_CLOCK_ERROR,
        f"clock: {error:+.0f} s from the service's",
        "set the clock of this machine by NTP",
        is_required=False,
    )
