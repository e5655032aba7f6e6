"""
What must be right before a version is published: the tag, the version and the changelog name the same one.

`python tests/release.py TAG` prints what is wrong and exits with 1, or prints nothing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version_of(source: str) -> str:
    """Read the version from the text of `_version.py`."""
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    return match[1] if match else ""


def complaints(tag: str, version: str, changelog: str) -> list[str]:
    """Compare the tag with the version and with the newest released section of the changelog."""
    found: list[str] = []
    if tag != f"v{version}":
        found.append(
            f"The tag is {tag!r}, and aai_async/_version.py says {version!r}: expected 'v{version}'."
        )
    sections = dict(re.findall(r"^## \[([^\]]+)\](.*)$", changelog, re.MULTILINE))
    if version not in sections:
        found.append(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'.")
    elif not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", sections[version]):
        found.append(f"The section of {version} in CHANGELOG.md has no date: '## [{version}] - YYYY-MM-DD'.")
    unreleased = changelog.partition("## [Unreleased]\n")[2].partition("\n## [")[0]
    if unreleased.strip():
        found.append(
            "CHANGELOG.md has entries under [Unreleased]: move them into the section of the release."
        )
    return found


def main() -> int:
    """Check the working tree against a tag."""
    version = version_of((ROOT / "aai_async" / "_version.py").read_text(encoding="utf-8"))
    found = complaints(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
