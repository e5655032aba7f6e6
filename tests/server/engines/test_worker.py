"""The child's side: requests in, replies out, and the end when the input ends."""

import io
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeechRequest
from aai_async.server.engines import worker
from aai_async.server.engines.protocol import LENGTH_BYTES, Reply, decode, encode, frame
from aai_async.server.weights import WeightsError

REQUEST = SpeechRequest(audio=Path("call.mp3"), keyterms=("Dashwood",))
HEARD = Recognition(
    words=(RecognizedWord(text="Grüße", start=1, end=2, confidence=0.5, speaker="A"),),
    language_code="de",
    audio_duration=1.5,
    engine="mine",
)


def replies(stream: io.BytesIO) -> list[Reply]:
    stream.seek(0)
    found = []
    while length := stream.read(LENGTH_BYTES):
        found.append(decode(stream.read(int.from_bytes(length, "big")), Reply))
    return found


def test_requests_are_answered() -> None:
    """Each request gets its reply, in order."""
    output = io.BytesIO()
    asked: list[SpeechRequest] = []

    def recognize(request: SpeechRequest) -> Recognition:
        asked.append(request)
        return HEARD

    worker.serve(iter([encode(REQUEST), encode(REQUEST)]), output, recognize)
    assert asked == [REQUEST, REQUEST]
    assert replies(output) == [Reply(recognition=HEARD)] * 2


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (EngineError("Audio duration is too short."), Reply(error="Audio duration is too short.")),
        (WeightsError("model.bin is damaged"), Reply(error="model.bin is damaged", last=True)),
    ],
)
def test_failures_are_told(error: Exception, reply: Reply) -> None:
    """A refused recording is told with its reason; bad weights say also that the child is of no more use."""

    def recognize(_: SpeechRequest) -> NoReturn:
        raise error

    output = io.BytesIO()
    worker.serve(iter([encode(REQUEST)]), output, recognize)
    assert replies(output) == [reply]


def test_bugs_end_the_child() -> None:
    """What is no fault of the recording is not hidden."""

    def recognize(_: SpeechRequest) -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        worker.serve(iter([encode(REQUEST)]), io.BytesIO(), recognize)


@pytest.mark.parametrize("torn", [b"", b"\0\0"])
def test_end_of_input(monkeypatch: pytest.MonkeyPatch, torn: bytes) -> None:
    """The end of the input, be it in the middle of a length, ends the requests, then the process."""
    monkeypatch.setattr(worker, "GRACE", 0.0)
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    left: list[int] = []
    worker._listen(io.BytesIO(frame(REQUEST) + torn), requests, left.append)
    assert list(iter(requests.get, None)) == [encode(REQUEST)]
    assert left == [1]


words = st.builds(
    RecognizedWord,
    text=st.text(),
    start=st.integers(0, 2**40),
    end=st.integers(0, 2**40),
    confidence=st.floats(0, 1),
    speaker=st.none() | st.text(),
)


@given(words=st.lists(words, max_size=5).map(tuple), duration=st.floats(0, 1e6))
def test_replies_survive_the_wire(words: tuple[RecognizedWord, ...], duration: float) -> None:
    """What a child heard arrives as it was."""
    heard = Recognition(words=words, language_code="en", audio_duration=duration, engine="mine")
    assert decode(encode(Reply(recognition=heard)), Reply).recognition == heard
