"""
`python -m aai_async.server`: the local server on a command line.

It reads arguments and prints where the server is; everything else is `LocalServer`'s.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

import anyio

try:
    from aai_async.server.engine import Engine
    from aai_async.server.serve import LocalServer, ServerStartError, serve_forever
    from aai_async.server.store import DirectoryError
    from aai_async.server.weights import WeightsError
except ModuleNotFoundError as error:
    raise SystemExit(f'{error}. The server is an extra: pip install "aai-async[server,models]"') from None

_SCRIPT = "This is a scripted transcript. No speech was recognised."


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until Ctrl-C or SIGTERM.

    Args:
        argv: The arguments after the program's name; by default those of the process.

    Returns:
        The exit status: 0 after an orderly end, 1 when the server could not start.
    """
    arguments = _parser().parse_args(argv)
    try:
        server = LocalServer(
            engine=_engine(arguments.engine, arguments.model, workers=arguments.parallel_jobs),
            host=arguments.host,
            port=arguments.port,
            key=arguments.key,
            directory=arguments.directory,
            parallel_jobs=arguments.parallel_jobs,
            strict=arguments.strict,
        )
        anyio.run(serve_forever, server, _announce)
    except (ValueError, OSError, ServerStartError, DirectoryError, WeightsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aai_async.server",
        description="AssemblyAI's pre-recorded speech-to-text API on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--key", help="the API key to ask for (default: a new one)")
    parser.add_argument(
        "--directory", help="where to keep uploads and transcripts (default: a temporary one)"
    )
    parser.add_argument(
        "--parallel-jobs",
        type=int,
        default=1,
        metavar="N",
        help="how many jobs are worked on at once, each by a process with its own model; the others are "
        "queued and throttled (default: %(default)s)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse models, parameters and values that the server does not know, to find typing errors "
        "(default: record them, and log each once)",
    )
    parser.add_argument("--engine", choices=("whisper", "scripted"), default="whisper")
    parser.add_argument(
        "--model", default="base", metavar="NAME", help="base, tiny.en or a directory (default: %(default)s)"
    )
    return parser


def _engine(name: str, model: str, *, workers: int) -> Engine:
    if name == "scripted":
        from aai_async.server.engines.scripted import ScriptedEngine  # noqa: PLC0415

        return ScriptedEngine(_SCRIPT)
    from aai_async.server.engines.whisper import WhisperEngine  # noqa: PLC0415

    return WhisperEngine(model, workers=workers)


def _announce(server: LocalServer) -> None:
    key = shlex.quote(server.key)
    sys.stdout.write(f"export ASSEMBLYAI_BASE_URL={server.base_url} ASSEMBLYAI_API_KEY={key}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
