"""Every parameter, field and word of the vendor's SDKs for Python and Node is ours, or explained."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import attrs
import pytest
from differences import NODE as NODE_SOURCE
from differences import NOT_COMPARED, SDK, UNKNOWN_TO_US
from packaging.version import Version
from vendors import (
    NODE_NAMES,
    Names,
    differences,
    node_names,
    python_names,
    unexplained,
    written_node_names,
)


@pytest.fixture(params=[python_names, written_node_names], ids=["Python", "Node"])
def names(request: pytest.FixtureRequest) -> Names:
    found: Names = request.param()
    return found


def test_every_name_of_an_sdk_is_ours(names: Names) -> None:
    """What it has and we have not is in the list of differences, with the reason."""
    assert unexplained(names) == []


def test_the_list_of_differences_names_the_releases() -> None:
    """The one for Node whose names are written down, and one for Python that is not newer than this one."""
    assert f" {written_node_names().version}," in NODE_SOURCE
    [release] = re.findall(r"SDK ([\d.]+),", SDK)
    assert Version(release) <= Version(python_names().version)


def test_no_difference_is_explained_that_is_none() -> None:
    """What an SDK has no more, and what we have by now, needs no reason."""
    found: dict[str, set[str]] = {}
    types: set[str] = set()
    for one in (python_names(), written_node_names()):
        types |= {*one.fields, *one.words}
        for where, name in differences(one):
            found.setdefault(where, set()).add(name)
    assert {where: set(names) for where, names in UNKNOWN_TO_US.items()} == found
    assert set(NOT_COMPARED) <= types
    reasons = [*NOT_COMPARED.values(), *(why for names in UNKNOWN_TO_US.values() for why in names.values())]
    assert all(reasons)


def test_what_is_new_is_told(names: Names) -> None:
    """A parameter, a word, a type that is new, and one that is gone."""
    options = "RawTranscriptionConfig" if names.sdk == "Python" else "TranscriptOptionalParams"
    policies = "PIIRedactionPolicy" if names.sdk == "Python" else "PiiPolicy"
    newer = attrs.evolve(
        names,
        fields={name: words for name, words in names.fields.items() if name != "Chapter"}
        | {options: names.fields[options] | {"mood"}, "MoodResult": frozenset({"mood"})},
        words={**names.words, policies: names.words[policies] | {"shoe_size"}},
    )
    assert unexplained(newer) == [
        "Options here has no 'mood'",
        "PIIPolicy here has no 'shoe_size'",
        "nothing is compared with its type MoodResult",
        "it has no type Chapter any more",
    ]


def test_the_types_of_the_npm_package_are_read(tmp_path: Path) -> None:
    """Fields and words, past comments and nested objects; and they are written down as they are read."""
    types = """
        /** A comment with { braces } */
export type Effort = "low" | "medium";
export interface Part {
    /** What it is. */
    name: string;
    times?: {
        start: number;
    };
}
export type Other = {
    "quoted"?: string;
    plain?: Effort | null;
};
"""
    archive = tmp_path / "assemblyai.tgz"
    with tarfile.open(archive, "w:gz") as package:
        for name, text in {
            "package/package.json": json.dumps({"version": "9.9.9"}),
            "package/dist/types/openapi.generated.d.ts": types,
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            package.addfile(member, io.BytesIO(text.encode()))
    names = node_names(archive)
    assert names.version == "9.9.9"
    assert names.fields == {"Part": {"name", "times"}, "Other": {"plain"}}
    assert names.words == {"Effort": {"low", "medium"}}
    assert written_node_names().written() == NODE_NAMES.read_text()
