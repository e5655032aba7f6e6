"""A release is checked before it is built: tag, version and changelog agree."""

from __future__ import annotations

import pytest
from release import complaints, version_of

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n"


def test_the_version_is_read_from_its_module() -> None:
    """There is one place for it."""
    assert version_of('"""The version."""\n\n__version__ = "0.2.0"\n') == "0.2.0"


def test_a_release_that_agrees_with_itself_passes() -> None:
    """Tag, version and changelog name the same version."""
    assert complaints("v0.2.0", "0.2.0", CHANGELOG) == []


@pytest.mark.parametrize(
    ("tag", "changelog", "complaint"),
    [
        ("v0.3.0", CHANGELOG, "The tag is 'v0.3.0'"),
        ("0.2.0", CHANGELOG, "The tag is '0.2.0'"),
        ("v0.2.0", CHANGELOG.replace("[0.2.0]", "[0.1.0]"), "has no section"),
        ("v0.2.0", CHANGELOG.replace(" - 2026-12-01", ""), "has no date"),
        ("v0.2.0", CHANGELOG.replace("\n## [0.2.0]", "\n- Not moved.\n\n## [0.2.0]"), "under [Unreleased]"),
    ],
    ids=["another version", "no v", "no section", "no date", "entries left"],
)
def test_a_release_that_disagrees_is_refused(tag: str, changelog: str, complaint: str) -> None:
    """Each way in which they can differ has its own message."""
    [found] = complaints(tag, "0.2.0", changelog)
    assert complaint in found
