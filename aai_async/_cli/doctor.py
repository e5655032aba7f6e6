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
from aai_async._cli.exit_status import ExitStatus, exit_status, is_setup_error
from aai_async._cli.flags import ConnectionFlags
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import shown_error
from aai_async._client import pipeline_of
from aai_async._command_lines import install_command
from aai_async._errors import AAIError, ConfigError, ConnectError
from aai_async._progress.lines import first_sentence, visible
from aai_async._version import __version__

_MAX_CLOCK_ERROR = 60.0
"""Seconds by which the clock may differ from the service's. A search of the list by time allows for them."""

_EXTRAS = {
    "server": ("starlette", "uvicorn", "faster_whisper", "onnx", "onnxruntime", "av", "glin_profanity"),
    "cli": ("typer", "rich", "platformdirs"),
    "cloud": ("obstore",),
    "docx": ("docx",),
    "languages": ("icu4py", "sentencex"),
    "compare": ("jiwer", "lap", "whisper_normalizer"),
    "ray": ("ray",),
    "lengths": ("av",),
    "tables": ("arro3",),
    "watch": ("watchfiles",),
    "otel": ("opentelemetry",),
    "fastapi": ("fastapi", "python_multipart"),
    "testing": ("glin_profanity", "pytest", "starlette", "uvicorn"),
}


@attrs.frozen
class Finding:
    """The result of one check."""

    is_ok: bool
    what: str
    fix: str = ""
    error: AAIError | None = None
    """Why nothing can be transcribed; `None` if the finding does not prevent it."""


async def examine(connection: ConnectionFlags) -> ExitStatus:
    """Run all checks and show their results."""
    findings = [_python(), *_packages()]
    findings += [finding async for finding in _service(connection)]
    for finding in findings:
        mark = "ok  " if finding.is_ok else "BAD " if finding.error else "-   "
        fix = f" -> {finding.fix}" if finding.fix and not finding.is_ok else ""
        write_line(visible(f"{mark} {finding.what}{fix}"))
    return exit_status(succeeded=0, errors=[one.error for one in findings if one.error is not None])


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
            install_command(extra),
        )
    yield _weights()


def _weights() -> Finding:
    fix = install_command("models")
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding(False, "weights of --local: not checked without the extra server", fix)
    from aai_async.server.weights import WeightsError, find_model  # noqa: PLC0415 - an extra

    try:
        find_model("base")
    except WeightsError as error:
        what = f"weights of --local: {first_sentence(error)}"
        return Finding(False, what, fix)
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
        yield Finding(False, f"service: {shown_error(error)}", _fix_of(error), error)


def _fix_of(error: AAIError) -> str:
    if isinstance(error, (ConnectError, ConfigError)):
        return ""  # its message has the advice
    if is_setup_error(error):
        return "set ASSEMBLYAI_API_KEY to a key of this region, from the dashboard of your account"
    return "check the service's status page, and run this again"


def _clock(theirs: dt.datetime | None) -> Finding:
    if theirs is None:
        return Finding(True, "clock: not checked, the responses of the service have no time")
    error = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    return Finding(
        abs(error) <= _MAX_CLOCK_ERROR,
        f"clock: {error:+.0f} s from the service's",
        "set the clock of this machine by NTP",
    )
