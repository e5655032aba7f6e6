"""
Command line of the local server: `python -m aai_async.server`.

It parses the arguments, runs a `LocalServer`, and prints its URL and API key, and a line for each job.
"""

import argparse
import contextlib
import logging
import shlex
import sys
from collections.abc import Generator, Sequence

import anyio

from aai_async._command_lines import install_command

try:
    from aai_async.server.diarization.voice_file import VoiceFileError
    from aai_async.server.engine import Engine
    from aai_async.server.kept_key import kept_key
    from aai_async.server.serve import LocalServer, PortInUseError, ServerStartError, serve_forever
    from aai_async.server.store import DirectoryError
    from aai_async.server.weights import WeightsError
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. The server is an extra: {install_command('server,models')}") from None

DEFAULT_PORT = 8461
"""The port to listen on, unless it is in use."""

_SCRIPT = "This is a scripted transcript. No speech was recognised."


def main(argv: Sequence[str] | None = None, *, program: str = "python -m aai_async.server") -> int:
    """
    Serve until Ctrl-C or SIGTERM.

    Args:
        argv: The arguments after the program's name; by default those of the process.
        program: The program's name in the help and in errors.

    Returns:
        The exit status: 0 after a normal end, 1 if the server could not start.
    """
    arguments = _parser(program).parse_args(argv)
    try:
        with _shown_log():
            _serve(arguments)
    except (ValueError, OSError, ServerStartError, DirectoryError, VoiceFileError, WeightsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _serve(arguments: argparse.Namespace) -> None:
    given = arguments.port
    try:
        anyio.run(serve_forever, _server(arguments, DEFAULT_PORT if given is None else given), _announce)
    except PortInUseError:
        if given is not None:
            raise
        sys.stderr.write(f"Port {DEFAULT_PORT} is in use, so the server chooses another one.\n")
        anyio.run(serve_forever, _server(arguments, 0), _announce)


def _server(arguments: argparse.Namespace, port: int) -> LocalServer:
    return LocalServer(
        engine=_engine(arguments),
        host=arguments.host,
        port=port,
        key=_key() if arguments.key is None else arguments.key,
        directory=arguments.directory,
        parallel_jobs=arguments.parallel_jobs,
        strict=arguments.strict,
        page=True,
    )


def _key() -> str | None:
    try:
        return kept_key()
    except OSError as error:
        sys.stderr.write(f"The API key cannot be kept, so it is a new one: {error}.\n")
        return None


@contextlib.contextmanager
def _shown_log() -> Generator[None]:
    """Show the log on standard error: a line for each job, warnings, and errors with their tracebacks."""
    logger, handler = logging.getLogger("aai_async.server"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Run a local server with AssemblyAI's pre-recorded speech-to-text API.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=int,
        help=f"port to listen on; 0 selects a free one (default: {DEFAULT_PORT}, unless it is in use)",
    )
    parser.add_argument(
        "--key", help="API key that clients must send (default: one that is created once and kept)"
    )
    parser.add_argument(
        "--directory", help="directory for uploads and transcripts (default: a temporary one)"
    )
    parser.add_argument(
        "--parallel-jobs",
        type=int,
        default=1,
        metavar="N",
        help="maximum number of jobs in progress, each in a process with its own model; further jobs are "
        "queued and throttled (default: %(default)s)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse unknown models, parameters and values, to find typing errors (default: record them and "
        "log each once)",
    )
    parser.add_argument("--engine", choices=("whisper", "scripted"), default="whisper")
    parser.add_argument(
        "--model", default="base", metavar="NAME", help="base, tiny.en or a directory (default: %(default)s)"
    )
    parser.add_argument(
        "--voices",
        metavar="FILE",
        help="file of voices, by which speakers have the same name in each recording; biometric data",
    )
    return parser


def _engine(arguments: argparse.Namespace) -> Engine:
    if arguments.engine == "scripted":
        from aai_async.server.engines.scripted import ScriptedEngine  # noqa: PLC0415

        return ScriptedEngine(_SCRIPT)
    from aai_async.server.engines.whisper import WhisperEngine  # noqa: PLC0415

    return WhisperEngine(arguments.model, workers=arguments.parallel_jobs, voices=arguments.voices)


def _announce(server: LocalServer) -> None:
    key = shlex.quote(server.key)
    sys.stdout.write(f"export ASSEMBLYAI_BASE_URL={server.base_url} ASSEMBLYAI_API_KEY={key}\n")
    sys.stdout.flush()
    if sys.stderr.isatty():
        sys.stderr.write(
            "Paste this line into another terminal, or drop recordings into the page at\n"
            f"{server.page_url}\nCtrl-C stops the server.\n"
        )
    else:
        # A comment for a shell that reads the line above it. Standard error may be a log, which needs no key.
        sys.stdout.write(f"# The page for recordings: {server.page_url}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
