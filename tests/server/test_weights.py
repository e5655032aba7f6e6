"""Weights are found by content, verified before use, and their absence is explained."""

import hashlib
import importlib.util
import re
import sys
from pathlib import Path

import attrs
import pytest

from aai_async._command_lines import install_command
from aai_async.server import weights
from aai_async.server.weights import KnownFile, KnownModel, WeightsError

CONTENT = b"left half|right half"
CONFIG = b"{}"


def known(name: str, content: bytes, *pieces: KnownFile) -> KnownFile:
    return KnownFile(name, len(content), hashlib.sha256(content).hexdigest(), pieces)


PIECES = (known("model.bin.part1", CONTENT[:10]), known("model.bin.part2", CONTENT[10:]))
TOY = KnownModel(
    name="toy",
    english_only=True,
    licence="none",
    packages=("package_that_nobody_has",),
    files=(known("model.bin", CONTENT, *PIECES), known("config.json", CONFIG)),
)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.MODELS, "toy", TOY)
    monkeypatch.delenv(weights.WEIGHTS_VARIABLE, raising=False)


def write(directory: Path, **files: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


def package(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_found_by_content(tmp_path: Path) -> None:
    """A model is found whatever its files are called."""
    found = weights.find_model("toy", directory=write(tmp_path, anything=CONTENT, other=CONFIG))
    assert {
        "model.bin": (tmp_path / "anything",),
        "config.json": (tmp_path / "other",),
    } == found.verified()
    assert found.english_only


def test_found_in_pieces(tmp_path: Path) -> None:
    """Pieces are put in order by their content, though here both are equally long and named backwards."""
    found = weights.find_model(
        "toy", directory=write(tmp_path, z=CONTENT[:10], a=CONTENT[10:], config=CONFIG)
    )
    assert b"".join(path.read_bytes() for path in found.verified()["model.bin"]) == CONTENT


def test_found_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variable names a directory that is searched to its depths."""
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, str(tmp_path))
    write(tmp_path / "deeper", model=CONTENT, config=CONFIG)
    assert weights.find_model("toy").verified()["model.bin"] == (tmp_path / "deeper" / "model",)


def test_sound_copy_preferred(tmp_path: Path) -> None:
    """A damaged file does no harm while a sound one of its size is there too."""
    found = weights.find_model("toy", directory=write(tmp_path, a=CONTENT[::-1], b=CONTENT, c=CONFIG))
    assert found.verified()["model.bin"] == (tmp_path / "b",)


@pytest.mark.parametrize("damaged", [CONTENT[::-1], CONTENT[:-1], b""], ids=["flipped", "torn", "empty"])
def test_damaged(tmp_path: Path, damaged: bytes) -> None:
    """A damaged file is named with both hashes and the command that reinstalls it."""
    found = weights.find_model("toy", directory=write(tmp_path, **{"model.bin": damaged, "config": CONFIG}))
    with pytest.raises(WeightsError) as caught:
        found.verified()
    for part in (
        str(tmp_path / "model.bin"),
        TOY.files[0].sha256,
        hashlib.sha256(damaged).hexdigest(),
        install_command("models", "--force-reinstall"),
    ):
        assert part in str(caught.value)


def test_missing() -> None:
    """What is not installed is named with the command that installs it."""
    with pytest.raises(WeightsError, match=re.escape(install_command("models"))):
        weights.find_model("toy")


def test_missing_but_download_allowed() -> None:
    """What is not installed is left to the hub where that is allowed."""
    assert not weights.find_model("toy", allow_download=True).files


def test_fetched(tmp_path: Path) -> None:
    """What the hub sent under a known name must be what goes by it; other names mean nothing here."""
    write(tmp_path, **{"model.bin": CONTENT})
    weights.verify_fetched("toy", tmp_path)
    weights.verify_fetched("small", tmp_path)
    with pytest.raises(WeightsError, match="damaged"):
        weights.verify_fetched("base", tmp_path)


def test_directory_that_is_none(tmp_path: Path) -> None:
    """A directory that was named but does not exist is an error, not ignored."""
    with pytest.raises(WeightsError, match="not a directory"):
        weights.find_model("toy", directory=tmp_path / "nowhere")


def test_unknown_name() -> None:
    """A name that means nothing is refused with the names that do."""
    with pytest.raises(WeightsError, match=r"base, tiny\.en"):
        weights.find_model("enormous")
    assert weights.find_model("small.en", allow_download=True).english_only


@pytest.mark.parametrize(
    ("files", "english_only"),
    [
        ({"vocabulary.txt": b"token\n" * 51_864}, True),
        ({"vocabulary.txt": b"token\n" * 51_865}, False),
        ({"vocabulary.json": b'["token"]'}, True),
        ({}, False),
    ],
)
def test_directory_as_model(tmp_path: Path, files: dict[str, bytes], english_only: bool) -> None:
    """A directory is taken as a model, and its vocabulary tells whether it knows English only."""
    found = weights.find_model(str(write(tmp_path / "mine", **files)))
    assert (found.name, found.directory, found.english_only) == ("mine", tmp_path / "mine", english_only)


def test_pieces_make_the_whole() -> None:
    """The pieces of each known file are as long as the whole."""
    for model in weights.MODELS.values():
        for file in model.files:
            assert not file.pieces or sum(piece.size for piece in file.pieces) == file.size


@pytest.mark.parametrize("model", ["base", "tiny.en"])
def test_installed_models_are_sound(model: str) -> None:
    """The weights that are installed are the ones we know, and so is the file that the pieces make."""
    if not all(map(package, weights.MODELS[model].packages)):
        pytest.skip(f"the weights of whisper-{model} are not installed")
    files = weights.find_model(model).verified()
    for file in weights.MODELS[model].files:
        whole = hashlib.sha256()
        for path in files[file.name]:
            whole.update(path.read_bytes())
        assert whole.hexdigest() == file.sha256


def test_speaker_encoder_installed() -> None:
    """The encoder is read out of a shared library without importing the package around it."""
    if not package(weights.SPEAKER_ENCODER_PACKAGE):
        pytest.skip("the speaker encoder is not installed")
    content = weights.read_speaker_encoder(weights.find_speaker_encoder())
    assert hashlib.sha256(content).hexdigest() == weights.SPEAKER_ENCODER.sha256
    assert weights.SPEAKER_ENCODER_PACKAGE not in sys.modules


@pytest.fixture
def small_encoder(monkeypatch: pytest.MonkeyPatch) -> bytes:
    content = b"\x18\0\0\0ORTM and the rest"
    monkeypatch.setattr(weights, "SPEAKER_ENCODER", known("embedding.ort", content))
    monkeypatch.setattr(weights, "SPEAKER_ENCODER_PACKAGE", "package_that_nobody_has")
    return content


@pytest.mark.parametrize("before", [b"", b"ORTM, and another ORTM", b"\0" * 5000])
def test_speaker_encoder_inside_a_library(tmp_path: Path, small_encoder: bytes, before: bytes) -> None:
    """The encoder is found at any offset, of whatever platform the library is."""
    write(tmp_path, **{"lib.so.1": before + small_encoder + b"after", "notes.txt": b"x" * 9000})
    paths = weights.find_speaker_encoder(tmp_path)
    assert (tmp_path / "lib.so.1",) == paths
    assert weights.read_speaker_encoder(paths) == small_encoder


def test_speaker_encoder_damaged(tmp_path: Path, small_encoder: bytes) -> None:
    """A library without the known encoder is named, with the command that reinstalls it."""
    write(tmp_path, **{"lib.dll": b"\0" + small_encoder.upper()})
    with pytest.raises(WeightsError, match=r"lib\.dll: the file is damaged or .* --force-reinstall "):
        weights.read_speaker_encoder(weights.find_speaker_encoder(tmp_path))


@pytest.mark.usefixtures("small_encoder")
def test_speaker_encoder_missing() -> None:
    """A missing encoder is named with the command that installs it, and with the way to do without."""
    with pytest.raises(WeightsError, match=re.escape(install_command("models")) + ".*speakers=False"):
        weights.find_speaker_encoder()


def test_known_values_are_frozen() -> None:
    """What is known of weights cannot be changed by accident."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        weights.SPEAKER_ENCODER.sha256 = ""  # type: ignore[misc]
