"""The commands and their flags, as typer reads them from the signatures."""

from __future__ import annotations

import importlib.util
import signal
import sys
from typing import Annotated

import anyio
import typer

from aai_async._cli import transcription
from aai_async._errors import AccountError, ConfigError
from aai_async._options import Options

app = typer.Typer(
    name="aai-async",
    help="Transcribe recordings with AssemblyAI, or on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SETUP_TROUBLE, _INTERRUPTED = 4, 130
"""Exit statuses where nothing works, most often for want of a key, and after Ctrl-C or SIGTERM."""


@app.command()
def transcribe(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Recordings: files or http(s) URLs.")],
    *,
    local: Annotated[
        bool, typer.Option("--local", help="Recognise on this machine: no key, no network.")
    ] = False,
    speaker_labels: Annotated[
        bool, typer.Option("--speaker-labels", help="Tell the speakers apart.")
    ] = False,
    region: Annotated[str | None, typer.Option(help="Where recordings go and stay: us or eu.")] = None,
) -> None:
    """
    Print what is said in each recording.

    Exit status: 0 all were transcribed, 1 none, 2 usage, 3 some, 4 no valid key or set-up, 130 interrupted.
    """
    if local:
        _require("starlette", "uvicorn", "faster_whisper")
    # Told to end, it ends as after Ctrl-C: what it keeps in temporary files goes with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = Options(speaker_labels=speaker_labels or None)
    try:
        status = anyio.run(transcription.run, paths, options, region, local)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    except (AccountError, ConfigError) as error:
        mend = "" if local else " Without a key: aai-async transcribe --local"
        sys.stderr.write(f"{error}{mend}\n")
        raise typer.Exit(_SETUP_TROUBLE) from None
    raise typer.Exit(status)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    help="Run the embedded server, the service's API on this machine; `serve --help` lists its flags.",
)
def serve(context: typer.Context) -> None:
    """Hand the arguments to `python -m aai_async.server`, which knows them."""
    _require("starlette", "uvicorn")
    from aai_async.server.__main__ import main  # noqa: PLC0415 - an extra

    raise typer.Exit(main(context.args))


def _require(*modules: str) -> None:
    if any(importlib.util.find_spec(name) is None for name in modules):
        sys.stderr.write('The embedded server is an extra: pip install "aai-async[server,models]"\n')
        raise typer.Exit(1)
