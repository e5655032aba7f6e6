"""The engine's child process with a recogniser that does what the recording's name says."""

import os
import signal
import time

from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeechRequest
from aai_async.server.engines import worker
from aai_async.server.engines.protocol import WorkerSettings
from aai_async.server.weights import WeightsError


def recognize(request: SpeechRequest) -> Recognition:
    request.audio.with_suffix(".pid").write_text(str(os.getpid()))
    match request.audio.stem:
        case "sleep":
            time.sleep(60)
        case "nap":
            time.sleep(0.3)
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise EngineError("Audio duration is too short.")
        case "weights":
            raise WeightsError("model.bin is damaged")
        case "bug":
            raise ZeroDivisionError
        case "noisy":
            print("a library that talks")
            os.write(1, b"and another\n")
    words = (RecognizedWord(text=str(os.getpid()), start=0, end=1, confidence=1.0),) * 5000
    return Recognition(words=words, language_code="en", audio_duration=1.0, engine="fake")


def load(settings: WorkerSettings) -> worker.Recognize:
    return recognize


if __name__ == "__main__":
    worker._load = load
    worker.main()
