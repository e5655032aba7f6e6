"""Voices in a file have the same name in each recording, and are changed by their user alone."""

import json
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from aai_async._cli import main
from aai_async.server import LocalServer, ScriptedEngine, VoiceFile, VoiceFileError
from aai_async.server.diarization.speakers import SpeakerCount, tell_apart
from aai_async.server.diarization.voice_file import LEAST_SPEECH, MATCH
from aai_async.server.engine import Recognition, RecognizedWord, SpeakerEmbedding
from aai_async.server.engines.whisper import _with_names

RATE = 16_000


def heard(angle: float, seconds: int = 10) -> SpeakerEmbedding:
    """A voice in a plane: two are as similar as the cosine of their angle in degrees."""
    turned = np.deg2rad(angle)
    return SpeakerEmbedding([float(np.cos(turned)), float(np.sin(turned)), *[0.0] * 254], seconds * 1000)


@pytest.fixture
def file(tmp_path: Path) -> VoiceFile:
    return VoiceFile(tmp_path / "voices.json")


def names(file: VoiceFile) -> list[str]:
    return [voice.name for voice in file.voices]


def test_a_voice_has_the_same_name_in_the_next_recording(file: VoiceFile) -> None:
    """Whatever its label is there, and in another process; a voice that is unlike all others is new."""
    assert file.names_of({"A": heard(0), "B": heard(90)}) == {"A": "Voice 1", "B": "Voice 2"}
    assert VoiceFile(file.path).names_of({"A": heard(80), "B": heard(10)}) == {
        "A": "Voice 2",
        "B": "Voice 1",
    }
    assert file.names_of({"A": heard(180)}) == {"A": "Voice 3"}
    assert [(one.recordings, one.duration) for one in file.voices] == [(2, 20_000), (2, 20_000), (1, 10_000)]


def test_the_limit_of_similarity_decides(file: VoiceFile) -> None:
    """A little above it is the same voice, a little below it another one."""
    limit = float(np.rad2deg(np.arccos(MATCH)))
    file.names_of({"A": heard(0)})
    assert file.names_of({"A": heard(limit + 1)}) == {"A": "Voice 2"}
    assert file.names_of({"A": heard(1 - limit)}) == {"A": "Voice 1"}


def test_two_speakers_of_a_recording_are_two_voices(file: VoiceFile) -> None:
    """The more similar one has the known name, although both are similar enough."""
    file.names_of({"A": heard(0)})
    assert file.names_of({"A": heard(20), "B": heard(5)}) == {"A": "Voice 2", "B": "Voice 1"}


def test_a_speaker_with_little_speech_keeps_the_label(file: VoiceFile) -> None:
    """And no file is written for it."""
    assert file.names_of({"A": SpeakerEmbedding(heard(0).vector, LEAST_SPEECH - 1)}) == {}
    assert not file.path.exists()


def test_a_voice_follows_its_recordings(file: VoiceFile) -> None:
    """Its numbers are their mean, weighted by the speech."""
    file.names_of({"A": heard(0, 30)})
    file.names_of({"A": heard(40, 30)})
    angle = np.rad2deg(np.arctan2(file.voices[0].embedding[1], file.voices[0].embedding[0]))
    assert angle == pytest.approx(20, abs=0.01)


def test_the_file_is_its_users_alone(file: VoiceFile) -> None:
    """Voices are biometric data; nothing else is left beside it."""
    file.names_of({"A": heard(0)})
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [one.name for one in file.path.parent.iterdir()] == ["voices.json"]


def test_a_voice_is_removed_and_its_name_is_not_used_again(file: VoiceFile) -> None:
    """So that two people do not have the same name in different transcripts."""
    file.names_of({"A": heard(0), "B": heard(90)})
    file.remove("Voice 2")
    assert names(file) == ["Voice 1"]
    assert file.names_of({"A": heard(90)}) == {"A": "Voice 3"}


def test_a_voice_is_renamed(file: VoiceFile) -> None:
    """Later recordings have the new name; it may look like one that would be given."""
    file.names_of({"A": heard(0)})
    file.rename("Voice 1", "Anna")
    assert file.names_of({"X": heard(0), "Y": heard(90)}) == {"X": "Anna", "Y": "Voice 2"}
    file.rename("Voice 2", "Voice 3")
    assert file.names_of({"Z": heard(180)}) == {"Z": "Voice 4"}


@pytest.mark.parametrize("name", ["", " ", " Anna", "A", "AB", "1", "1A", "a\nb", "x" * 81])
def test_a_name_that_cannot_be_one_is_refused(file: VoiceFile, name: str) -> None:
    """Labels stay free for speakers without a voice."""
    file.names_of({"A": heard(0)})
    with pytest.raises(VoiceFileError, match=r"A name is one line|is a label"):
        file.rename("Voice 1", name)
    assert names(file) == ["Voice 1"]


def test_a_name_that_is_taken_or_unknown_is_refused(file: VoiceFile) -> None:
    """The message has the names that there are."""
    file.names_of({"A": heard(0), "B": heard(90)})
    with pytest.raises(VoiceFileError, match="There is already a voice 'Voice 2'"):
        file.rename("Voice 1", "Voice 2")
    with pytest.raises(VoiceFileError, match=r"has no voice 'Ben'\. It has 'Voice 1', 'Voice 2'"):
        file.remove("Ben")


def test_a_file_of_another_encoder_is_refused(file: VoiceFile) -> None:
    """Its numbers would mean nothing; the file stays."""
    file.names_of({"A": heard(0)})
    content = json.loads(file.path.read_bytes())
    file.path.write_text(json.dumps(content | {"model": "0" * 64}))
    with pytest.raises(VoiceFileError, match="of another speaker encoder"):
        VoiceFile(file.path)
    with pytest.raises(VoiceFileError, match="of another speaker encoder"):
        file.names_of({"A": heard(0)})
    file.path.write_text("my notes")
    with pytest.raises(VoiceFileError, match="is not a file of voices"):
        VoiceFile(file.path)
    assert file.path.read_text() == "my notes"


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        ({"embedding": [1.0, 0.0]}, "'Voice 1' in .* has 2 numbers, not 256"),
        ({"embedding": [0.0] * 256}, "does not have the length 1"),
        ({"embedding": [float("nan")] * 256}, "is not a file of voices"),
        ({"embedding": "AAAA"}, "Expected `array`, got `str`"),
        ({"recordings": -1}, "below 0"),
        ({"name": "Voice 2"}, "'Voice 2' in .* has the name of another one"),
        ({"name": "A"}, "has a name that cannot be one"),
        ({"name": None}, "Expected `str`, got `null`"),
    ],
)
def test_a_file_that_was_edited_wrongly_is_an_error(
    file: VoiceFile, edited: dict[str, object], message: str
) -> None:
    """It names the voice, without its numbers; the file stays."""
    file.names_of({"A": heard(0), "B": heard(90)})
    content = json.loads(file.path.read_bytes())
    content["voices"][0] |= edited
    file.path.write_text(json.dumps(content))
    before = file.path.read_bytes()
    with pytest.raises(VoiceFileError, match=message):
        VoiceFile(file.path)
    with pytest.raises(VoiceFileError, match=message):
        file.names_of({"A": heard(0)})
    assert file.path.read_bytes() == before


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """Before anything is transcribed; so is a folder in place of the file."""
    with pytest.raises(VoiceFileError, match="does not exist"):
        VoiceFile(tmp_path / "missing" / "voices.json")
    with pytest.raises(VoiceFileError, match="cannot be read"):
        VoiceFile(tmp_path)


def test_a_recognition_has_the_names_and_no_numbers(file: VoiceFile) -> None:
    """What the server stores has no biometric data."""
    voices: Mapping[str, SpeakerEmbedding] = {"A": heard(0)}
    words = tuple(
        RecognizedWord(text="Hi", start=0, end=100, confidence=1.0, speaker=speaker) for speaker in ("A", "B")
    )
    before = Recognition(words=words, language_code="en", audio_duration=1.0, engine="x", embeddings=voices)
    after = _with_names(before, file)
    assert [word.speaker for word in after.words] == ["Voice 1", "B"]
    assert after.embeddings == {}
    assert "embeddings=" not in repr(before)


def test_the_voice_of_a_speaker_is_that_of_the_windows_without_others() -> None:
    """With the length of the speech."""
    spans = [("Good", 0, 1500), ("day.", 1500, 3000), ("Yes.", 4000, 7000)]
    words = tuple(
        RecognizedWord(text=text, start=start, end=end, confidence=1.0) for text, start, end in spans
    )

    def embed(_: object, listened: object) -> np.ndarray:
        rows = [[1.0, 0.0] if window.start < 3500 else [0.0, 1.0] for window in listened]  # type: ignore[attr-defined]
        return np.array(rows, dtype=np.float32)

    named, voices = tell_apart(words, np.zeros(8 * RATE, np.int16), embed, SpeakerCount())
    assert [word.speaker for word in named] == ["A", "A", "B"]
    assert (list(voices["A"].vector), voices["A"].duration) == ([1.0, 0.0], 3000)
    assert (list(voices["B"].vector), voices["B"].duration) == ([0.0, 1.0], 3000)


def test_voices_are_passed_to_the_engine_that_has_them() -> None:
    """An engine of the caller's own is not given any."""
    with pytest.raises(ValueError, match="pass the voices to the engine"):
        LocalServer(engine=ScriptedEngine(""), voices="voices.json")


# The command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["aai-async", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_voices_are_listed_renamed_and_removed(
    file: VoiceFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A removal asks for confirmation."""
    file.names_of({"A": heard(0, 75), "B": heard(90)})
    path = str(file.path)
    assert run(monkeypatch, "voices", "rename", path, "Voice 2", "Anna") == 0
    assert run(monkeypatch, "voices", "list", path) == 0
    out, err = capsys.readouterr()
    assert out == "Voice 1  0:01:15 of speech in 1 recording\nAnna  0:00:10 of speech in 1 recording\n"
    assert "2 voices in" in err
    assert run(monkeypatch, "voices", "remove", path, "Anna") == 2
    assert run(monkeypatch, "voices", "remove", path, "Anna", "--yes") == 0
    assert run(monkeypatch, "voices", "list", path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"name": "Voice 1", "seconds": 75.0, "recordings": 1}
    assert run(monkeypatch, "voices", "remove", path, "Anna", "--yes") == 1
    assert "has no voice 'Anna'" in capsys.readouterr().err
    assert run(monkeypatch, "voices", "list", "missing.json") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speaker-labels"], "--voices is for --local"),
        (["--local"], "pass --speaker-labels too"),
    ],
)
def test_voices_need_speakers_on_this_machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """Before anything is sent."""
    monkeypatch.chdir(tmp_path)
    Path("a.mp3").write_bytes(b"sound")
    assert run(monkeypatch, "transcribe", "a.mp3", "--voices", "v.json", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_none_ends_the_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the status of a set-up that cannot work."""
    monkeypatch.chdir(tmp_path)
    Path("a.mp3").write_bytes(b"sound")
    Path("v.json").write_text("my notes")
    assert run(monkeypatch, "transcribe", "a.mp3", "--local", "--speaker-labels", "--voices", "v.json") == 4
    assert "is not a file of voices" in capsys.readouterr().err
