"""
What may be published, file by file.

`python tests/distribution.py DIST` prints the sizes of the wheel and the sdist in a folder, and what is wrong
with them.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

LARGEST_WHEEL = 1_000_000
"""Bytes, compressed. All of them are code: nine tenths Python, the rest the pages and the list of files."""

LARGEST_FILE = 32_000
"""Bytes of one file in the wheel, uncompressed: twice a long module, and less than data has."""

PAGE = (
    "align.js",
    "cues.js",
    "docx.js",
    "edit.js",
    "index.css",
    "index.html",
    "index.js",
    "keep.js",
    "lanes.js",
    "listen.js",
    "marks.js",
    "model.js",
    "page.css",
    "page.html",
    "quote.js",
    "reader.js",
    "save.js",
    "search.js",
    "sound.js",
    "speakers.js",
    "text.js",
)
"""What a transcript page is made of."""

_IN_WHEEL = re.compile(
    r"aai_async/([a-z0-9_]+/)*[a-z0-9_]+\.py"
    r"|aai_async/py\.typed"
    r"|aai_async/(formats/page|comparison/page|server/web)/[a-z]+\.(css|html|js)"
    r"|aai_async-[^/]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/(LICENSE|NOTICE))"
)

_NEEDED_IN_WHEEL = (
    "aai_async/__init__.py",
    *(f"aai_async/formats/page/{name}" for name in PAGE),
    *(f"aai_async/comparison/page/compare.{suffix}" for suffix in ("css", "html", "js")),
    *(f"aai_async/server/web/drop.{suffix}" for suffix in ("css", "html", "js")),
    "aai_async/py.typed",
    "licenses/LICENSE",
    "licenses/NOTICE",
)

_IN_SDIST = {
    ".gitignore",  # hatchling adds it, and reads it when it builds from the sdist
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "NOTICE",
    "PKG-INFO",
    "README.md",
    "SECURITY.md",
    "aai_async",
    "benchmarks",
    "docs",
    "noxfile.py",
    "pyproject.toml",
    "tests",
}
"""What stands at its top."""

_LEFT_BEHIND = re.compile(r"\..+|__pycache__|.+\.(pyc|pyo|pyd|so|dll|dylib|egg-info)")


def wheel_complaints(names: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a wheel that holds files of these names."""
    for name in names:
        if not _IN_WHEEL.fullmatch(name):
            yield f"the wheel holds {name}"
    for needed in _NEEDED_IN_WHEEL:
        if not any(name == needed or name.endswith(f".dist-info/{needed}") for name in names):
            yield f"the wheel lacks {needed}"


def large_files(sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield the files in a wheel that are too large for code, but for the list of all files."""
    for name, size in sizes.items():
        if size > LARGEST_FILE and not name.endswith(".dist-info/RECORD"):
            yield f"the wheel holds {name} of {size // 1000} kB"


def sdist_complaints(names: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with an sdist that holds files of these names."""
    paths = [PurePosixPath(*PurePosixPath(name).parts[1:]) for name in names]
    top = {path.parts[0] for path in paths}
    yield from (f"the sdist holds {name}" for name in sorted(top - _IN_SDIST))
    yield from (f"the sdist lacks {name}" for name in sorted(_IN_SDIST - top))
    for path in paths:
        if any(map(_LEFT_BEHIND.fullmatch, path.parts)) and str(path) not in _IN_SDIST:
            yield f"the sdist holds {path}"


def main(folder: Path) -> int:
    """Print it all, and give the exit status."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as file:
        sizes = {one.filename: one.file_size for one in file.infolist()}
    with tarfile.open(sdist) as archive:
        in_sdist = [member.name for member in archive if not member.isdir()]
    complaints = [*wheel_complaints([*sizes]), *large_files(sizes), *sdist_complaints(in_sdist)]
    for path, number in (wheel, len(sizes)), (sdist, len(in_sdist)):
        sys.stdout.write(f"{path.name}: {number} files, {path.stat().st_size / 1000:.0f} kB\n")
    if wheel.stat().st_size >= LARGEST_WHEEL:
        complaints.append(f"the wheel has {LARGEST_WHEEL // 1000} kB or more")
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
