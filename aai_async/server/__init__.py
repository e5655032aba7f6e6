"""
A local server with the service's API, for development and tests without a network or an API key.

The server and the client do not import each other. The public names are imported on first access, so that
the process of a speech engine does not load a web server.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from aai_async._command_lines import install_command

if TYPE_CHECKING:
    from aai_async.server.diarization.voice_file import Voice, VoiceFile, VoiceFileError
    from aai_async.server.engine import (
        AudioTrack,
        Engine,
        EngineError,
        Recognition,
        RecognizedWord,
        SpeakerEmbedding,
        SpeechRequest,
    )
    from aai_async.server.engines.scripted import ScriptedEngine
    from aai_async.server.engines.whisper import WhisperEngine
    from aai_async.server.serve import LocalServer, ServerStartError, serve_forever
    from aai_async.server.store import DirectoryError
    from aai_async.server.weights import WeightsError

__all__ = [
    "AudioTrack",
    "DirectoryError",
    "Engine",
    "EngineError",
    "LocalServer",
    "Recognition",
    "RecognizedWord",
    "ScriptedEngine",
    "ServerStartError",
    "SpeakerEmbedding",
    "SpeechRequest",
    "Voice",
    "VoiceFile",
    "VoiceFileError",
    "WeightsError",
    "WhisperEngine",
    "serve_forever",
]

_HOMES = {
    "DirectoryError": "store",
    "LocalServer": "serve",
    "ScriptedEngine": "engines.scripted",
    "ServerStartError": "serve",
    "Voice": "diarization.voice_file",
    "VoiceFile": "diarization.voice_file",
    "VoiceFileError": "diarization.voice_file",
    "WeightsError": "weights",
    "WhisperEngine": "engines.whisper",
    "serve_forever": "serve",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"{__name__}.{_HOMES.get(name, 'engine')}")
    except ModuleNotFoundError as error:
        error.add_note(f"The server is an extra: {install_command('server,models')}")
        raise
    return getattr(home, name)
