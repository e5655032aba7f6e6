"""Real speech through real models: the words, their speakers, the language, silence, and what it costs."""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import groupby, pairwise
from pathlib import Path

import anyio
import attrs
import av
import numpy as np
import pytest
from recording import write_timed
from scoring import NUMBERS, RECORDING, TURNS, speaker_accuracy, word_error_rate

from aai_async.server.api_errors import SERVER_FAILURE
from aai_async.server.engine import EngineError, Recognition, SpeechRequest
from aai_async.server.engines.whisper import WhisperEngine
from aai_async.server.sound.decoding import RATE, Samples, decode
from aai_async.server.weights import WeightsError


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops, for a module each, so that models are loaded but once for each."""
    return str(request.param)


async def started(model: str) -> AsyncIterator[WhisperEngine]:
    try:
        engine = WhisperEngine(model)
    except WeightsError as error:
        pytest.skip(str(error))
    yield engine
    await engine.aclose()


@pytest.fixture(scope="module")
async def base(anyio_backend: str) -> AsyncIterator[WhisperEngine]:
    async for engine in started("base"):
        yield engine


@pytest.fixture(scope="module")
async def tiny(anyio_backend: str) -> AsyncIterator[WhisperEngine]:
    async for engine in started("tiny.en"):
        yield engine


@pytest.fixture(scope="module")
async def heard(base: WhisperEngine) -> Recognition:
    return await base.recognize(SpeechRequest(audio=RECORDING, speaker_labels=True))


@pytest.fixture(scope="module")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("audio") / "silence.wav", np.zeros(5 * 16_000, np.int16))


def write(path: Path, samples: Samples, *, layout: str = "mono") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout=layout)
        frame.rate = 16_000
        container.mux(stream.encode(frame))
    return path


def pairs(recognition: Recognition) -> Iterator[tuple[int, int]]:
    times = [time for word in recognition.words for time in (word.start, word.end)]
    return pairwise(times)


async def test_words(heard: Recognition) -> None:
    """Whisper base gets at most one word in twenty wrong."""
    assert word_error_rate(heard.words) <= 0.05


async def test_speakers(heard: Recognition) -> None:
    """Nearly every word goes to the right one of two speakers."""
    assert speaker_accuracy(heard.words) >= 0.95
    assert {word.speaker for word in heard.words} == {"A", "B"}


async def test_tiny(tiny: WhisperEngine) -> None:
    """Whisper tiny.en gets at most one word in ten wrong, and the speakers right."""
    heard = await tiny.recognize(SpeechRequest(audio=RECORDING, language_code="en_us", speaker_labels=True))
    assert word_error_rate(heard.words) <= 0.10
    assert speaker_accuracy(heard.words) >= 0.95
    assert (heard.engine, heard.language_code) == ("whisper-tiny.en", "en_us")


async def test_about_the_recording(heard: Recognition) -> None:
    """The language is detected, the duration is the file's, and the model is named."""
    assert heard.language_code == "en"
    assert (heard.language_confidence or 0) > 0.9
    assert heard.audio_duration == pytest.approx(38.13, abs=0.05)
    assert heard.engine == "whisper-base"


async def test_times(heard: Recognition) -> None:
    """Words follow one another within the file, near to where they were spoken."""
    assert all(earlier <= later for earlier, later in pairs(heard))
    assert 0 <= heard.words[0].start < 500
    assert heard.words[-1].end <= 38_130
    fellow = next(word for word in heard.words if word.text.startswith("fellow"))
    assert 7_700 < fellow.start < 11_000


async def test_confidence(heard: Recognition) -> None:
    """Confidences are shares, and high where most words are right."""
    confidences = [word.confidence for word in heard.words]
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert sum(confidences) / len(confidences) > 0.8


async def test_numbers_can_be_written_as_they_are_spoken(base: WhisperEngine, tiny: WhisperEngine) -> None:
    """
    As the service writes them with `format_text=False` (documentation, "Formatting"): in words, with all
    other words as they are.
    """
    for engine in (base, tiny):
        formatted = await engine.recognize(SpeechRequest(audio=NUMBERS, language_code="en"))
        assert "$125" in " ".join(word.text for word in formatted.words)
        spoken = await engine.recognize(SpeechRequest(audio=NUMBERS, language_code="en", numerals=False))
        text = " ".join(word.text for word in spoken.words).lower().replace("-", " ")
        assert "one hundred and twenty five dollars. please call me on march" in text
        assert not any(sign.isdigit() or sign == "$" for sign in text)


async def test_window(base: WhisperEngine) -> None:
    """A window is transcribed alone, its times still from the start of the file."""
    heard = await base.recognize(
        SpeechRequest(audio=RECORDING, language_code="en", audio_start_from=7_500, audio_end_at=16_000)
    )
    assert " ".join(word.text for word in heard.words).startswith("And so my fellow Americans")
    assert heard.words[0].start >= 7_500
    assert heard.words[-1].end <= 16_000
    assert heard.audio_duration == pytest.approx(38.13, abs=0.05)


async def test_no_word_lies_in_a_gap(base: WhisperEngine, tmp_path: Path) -> None:
    """A recording without the packets of 7.2 s: nobody says anything then, whatever times Whisper reports."""
    samples = decode(RECORDING).channels[0]
    path = write_timed(tmp_path / "gap.mka", samples, codec="aac", rate=RATE, gap=(20.1, 27.3))
    heard = await base.recognize(SpeechRequest(audio=path))
    assert [word.text for word in heard.words if word.end > 20_250 and word.start < 27_150] == []
    assert max(word.end for word in heard.words if word.start < 20_250) > 19_500
    assert min(word.start for word in heard.words if word.end > 27_150) < 28_000


async def test_a_first_word_begins_where_it_sounds(base: WhisperEngine, tmp_path: Path) -> None:
    """Whisper alone lets it begin 0.3 s earlier, in the silence that the detection adds."""
    silence = np.zeros(2 * RATE, np.int16)
    spoken = decode(RECORDING).channels[0][28_400 * RATE // 1000 : 34_000 * RATE // 1000]
    samples = np.concatenate([silence, spoken])
    heard = await base.recognize(
        SpeechRequest(audio=write(tmp_path / "late.wav", samples), language_code="en")
    )
    onset = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())[0] / RATE
    assert heard.words[0].text == "Had"
    assert heard.words[0].start / 1000 == pytest.approx(onset, abs=0.12)


async def test_speakers_expected(base: WhisperEngine) -> None:
    """The number of speakers is kept when it is given, and bounds are."""
    request = SpeechRequest(audio=RECORDING, language_code="en", speaker_labels=True, speakers_expected=1)
    assert {word.speaker for word in (await base.recognize(request)).words} == {"A"}
    request = SpeechRequest(audio=RECORDING, language_code="en", speaker_labels=True, max_speakers=1)
    assert {word.speaker for word in (await base.recognize(request)).words} == {"A"}


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording with one speaker on the left and the other on the right."""
    samples = decode(RECORDING).channels[0]
    sides = np.zeros((len(samples), 2), np.int16)
    for turn in TURNS:
        spoken = slice(int(float(turn["start"]) * RATE), int(float(turn["end"]) * RATE))
        sides[spoken, "AB".index(turn["speaker"])] = samples[spoken]
    return write(tmp_path_factory.mktemp("audio") / "dialogue.wav", sides.reshape(-1), layout="stereo")


async def test_channels(base: WhisperEngine, dialogue: Path) -> None:
    """Each channel is transcribed by itself: its words, and its turns in order."""
    heard = await base.recognize(SpeechRequest(audio=dialogue, language_code="en", multichannel=True))
    assert heard.audio_channels == 2
    assert heard.audio_duration == pytest.approx(38.13, abs=0.05)
    assert word_error_rate(heard.words) <= 0.05
    assert [channel for channel, _ in groupby(word.channel for word in heard.words)] == [
        str("AB".index(turn["speaker"]) + 1) for turn in TURNS
    ]
    assert {(word.channel, word.speaker) for word in heard.words} == {("1", "1"), ("2", "2")}
    # Half of the time either is silent.
    assert 0.3 < (heard.speech_share or 0) < 0.7


async def test_speakers_of_channels(base: WhisperEngine, dialogue: Path) -> None:
    """Who speaks in a channel is told apart within it alone; one channel is enough."""
    request = SpeechRequest(audio=dialogue, language_code="en", multichannel=True, speaker_labels=True)
    assert {word.speaker for word in (await base.recognize(request)).words} == {"1A", "2A"}
    heard = await base.recognize(attrs.evolve(request, audio=RECORDING))
    assert {word.speaker for word in heard.words} == {"1A", "1B"}
    assert (heard.audio_channels, {word.channel for word in heard.words}) == (1, {"1"})


async def test_expected_languages(base: WhisperEngine) -> None:
    """A detected language gives way to those expected, and is transcribed as one of them."""
    request = SpeechRequest(audio=RECORDING, audio_end_at=7_600, expected_languages=("fr", "de"))
    heard = await base.recognize(request)
    assert heard.language_code in ("fr", "de")
    assert (heard.language_confidence or 0) < 0.2
    heard = await base.recognize(attrs.evolve(request, expected_languages=("fr", "en")))
    assert heard.language_code == "en"


async def test_keyterms(base: WhisperEngine) -> None:
    """Keyterms sway what is written."""
    request = SpeechRequest(
        audio=RECORDING, language_code="en", audio_end_at=7_600, keyterms=("Jon Dashwoode",)
    )
    assert "Dashwoode" in " ".join(word.text for word in (await base.recognize(request)).words)


async def test_a_clip_of_a_word_is_recognized(base: WhisperEngine, tmp_path: Path) -> None:
    """Also where the voice activity detection needs silence around it: half a second of the recording."""
    word = decode(RECORDING).channels[0][17_020 * RATE // 1000 : 17_500 * RATE // 1000]
    heard = await base.recognize(SpeechRequest(audio=write(tmp_path / "an.wav", word), language_code="en"))
    # The word is "an". Which one Whisper writes depends on the resampler and on the processor: "and", "not".
    assert heard.words
    assert all(0 <= one.start <= one.end <= 480 for one in heard.words)
    detected = await base.recognize(SpeechRequest(audio=tmp_path / "an.wav"))
    assert detected.words
    assert detected.language_code is not None


async def test_a_syllable_is_recognized(base: WhisperEngine, tmp_path: Path) -> None:
    """Also where the voice activity detection is not sure of so short a sound: 0.4 s with the word "my"."""
    word = decode(RECORDING).channels[0][8_510 * RATE // 1000 : 8_910 * RATE // 1000]
    heard = await base.recognize(SpeechRequest(audio=write(tmp_path / "my.wav", word), language_code="en"))
    # Whisper writes "Oh, my".
    assert [one.text.strip(".,!").lower() for one in heard.words][-1:] == ["my"]


@pytest.mark.parametrize("seconds", [0.4, 1.5])
async def test_short_sounds_are_no_words(base: WhisperEngine, tmp_path: Path, seconds: float) -> None:
    """A beep, the tones of a key, clicks and noise: what a telephone system plays between words."""
    times = np.arange(int(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * pitch * times) for pitch in (440, 697, 1209)]
    noise = np.random.default_rng(0).normal(0, 0.3, len(times))
    clicks = (np.arange(len(times)) % 4_000 < 20).astype(float)
    for number, sound in enumerate([tones[0], tones[1] / 2 + tones[2] / 2, clicks, noise]):
        path = write(tmp_path / f"{number}.wav", (np.clip(sound, -1, 1) * 10_000).astype(np.int16))
        assert (await base.recognize(SpeechRequest(audio=path, language_code="en"))).words == ()


async def test_a_sentence_that_repeats_is_recognized_each_time(base: WhisperEngine, tmp_path: Path) -> None:
    """Whisper alone writes it once for each 30 seconds."""
    sentence = np.zeros(4 * RATE, np.int16)
    spoken = decode(RECORDING).channels[0][7_600 * RATE // 1000 : 10_200 * RATE // 1000]
    sentence[: len(spoken)] = spoken
    path = write(tmp_path / "again.wav", np.tile(sentence, 6))
    heard = await base.recognize(SpeechRequest(audio=path, language_code="en"))
    starts = [word.start for word in heard.words if word.text.startswith("fellow")]
    assert starts == pytest.approx([number * 4000 + 1000 for number in range(6)], abs=700)
    assert all(earlier <= later for earlier, later in pairs(heard))


async def test_speech_without_words_is_stated(base: WhisperEngine, tmp_path: Path) -> None:
    """A sentence, and eight seconds played backwards, which Whisper leaves out as not credible."""
    spoken = decode(RECORDING).channels[0]
    backwards = spoken[8 * RATE : 16 * RATE][::-1]
    path = write(
        tmp_path / "x.wav", np.concatenate([spoken[: 7 * RATE], np.zeros(6 * RATE, np.int16), backwards])
    )
    heard = await base.recognize(SpeechRequest(audio=path, language_code="en"))
    assert heard.words[-1].end < 7_500
    (warning,) = heard.audio_warnings
    assert "sound like speech in which no words were recognised" in warning


async def test_all_of_the_speech_has_words(heard: Recognition) -> None:
    assert heard.audio_warnings == ()


@pytest.mark.parametrize("noise", [0, 300], ids=["silence", "noise"])
async def test_nothing_spoken(base: WhisperEngine, tmp_path: Path, noise: int) -> None:
    """Silence and noise have no words, which is no error."""
    samples = np.random.default_rng(0).normal(0, noise, 5 * 16_000).astype(np.int16)
    audio = write(tmp_path / "nothing.wav", samples)
    heard = await base.recognize(SpeechRequest(audio=audio, language_code="en", speaker_labels=True))
    assert heard.words == ()
    assert heard.audio_duration == 5.0


async def test_language_of_silence(base: WhisperEngine, silence: Path) -> None:
    """Silence has none, and no speech in it."""
    heard = await base.recognize(SpeechRequest(audio=silence))
    assert (heard.words, heard.language_code, heard.language_confidence) == ((), None, None)
    assert heard.speech_share == 0.0


async def test_languages(base: WhisperEngine, tiny: WhisperEngine) -> None:
    """What a model cannot do it says beforehand, and again when asked."""
    assert (base.languages, base.detects_language) == (None, True)
    assert (tiny.languages, tiny.detects_language) == (frozenset({"en"}), False)
    with pytest.raises(EngineError, match="cannot transcribe the language 'xx'"):
        await base.recognize(SpeechRequest(audio=RECORDING, language_code="xx"))
    with pytest.raises(EngineError, match="knows English only"):
        await tiny.recognize(SpeechRequest(audio=RECORDING))


@pytest.mark.parametrize(
    ("start", "message"), [(40_000, "audio_start_from is 40000 ms"), (38_000, "Audio duration is too short")]
)
async def test_bad_window(base: WhisperEngine, start: int, message: str) -> None:
    """A window beyond the end is refused."""
    with pytest.raises(EngineError, match=message):
        await base.recognize(SpeechRequest(audio=RECORDING, language_code="en", audio_start_from=start))


async def test_not_audio(base: WhisperEngine) -> None:
    """What is no recording is refused as the service does."""
    with pytest.raises(EngineError, match=r"^Transcoding failed\. File does not appear to contain audio"):
        await base.recognize(SpeechRequest(audio=RECORDING.with_suffix(".json"), language_code="en"))


async def test_memory(base: WhisperEngine, heard: Recognition) -> None:
    """The child stays well under a gigabyte with base and speakers."""
    status = Path(f"/proc/{base._idle[0]._process.pid}/status")
    if not status.exists():
        pytest.skip("only Linux tells a process's peak memory")
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 900 * 1024


async def test_killed_at_work(tiny: WhisperEngine) -> None:
    """A child that is killed while it transcribes fails that recording alone."""
    request = SpeechRequest(audio=RECORDING, language_code="en", audio_end_at=7_600)
    await tiny.recognize(request)

    async def failing() -> None:
        with pytest.raises(EngineError, match=SERVER_FAILURE):
            await tiny.recognize(SpeechRequest(audio=RECORDING, language_code="en", speaker_labels=True))

    async with anyio.create_task_group() as group:
        group.start_soon(failing)
        await anyio.sleep(0.3)
        (worker,) = tiny._busy
        os.kill(worker._process.pid, 9)
    assert (await tiny.recognize(request)).words


async def test_cancelled_at_work(tiny: WhisperEngine) -> None:
    """A recording that is cancelled ends at once, and the next is transcribed."""
    with anyio.move_on_after(0.3) as scope:
        await tiny.recognize(SpeechRequest(audio=RECORDING, language_code="en", speaker_labels=True))
    assert scope.cancelled_caught
    assert (
        await tiny.recognize(SpeechRequest(audio=RECORDING, language_code="en", audio_end_at=7_600))
    ).words
