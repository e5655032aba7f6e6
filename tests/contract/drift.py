"""
Compare this library with the newest SDKs of the vendor, and print what is new: `nox -s drift`.

    python tests/contract/drift.py ARCHIVE [--write]

ARCHIVE is what `npm pack assemblyai` has made; the SDK for Python is the one that is installed. `--write`
renews the list of the names in the SDK for Node, which the tests compare with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from differences import NODE, SDK
from vendors import NODE_NAMES, Names, node_names, python_names, unexplained


def report(names: Names, source: str) -> list[str]:
    """Give what is to be said of a release: first what it is, then what is new in it."""
    lines = [f"The vendor's SDK for {names.sdk}, {names.version}:"]
    if f" {names.version}," not in source:
        lines.append(f"  it is another release than the list of differences names: {source}")
    return lines + [f"  {line}" for line in unexplained(names)]


def main() -> int:
    """Print what is new; the status is 1 if anything is."""
    parser = argparse.ArgumentParser(description="Compare this library with the vendor's newest SDKs.")
    parser.add_argument("archive", type=Path, help="what `npm pack assemblyai` has made")
    parser.add_argument("--write", action="store_true", help="renew the list of the names for Node")
    arguments = parser.parse_args()
    node = node_names(arguments.archive)
    if arguments.write:
        NODE_NAMES.write_text(node.written())
    reports = [report(python_names(), SDK), report(node, NODE)]
    for lines in reports:
        print("\n".join([*lines, *([] if lines[1:] else ["  nothing new"])]))
    return int(any(lines[1:] for lines in reports))


if __name__ == "__main__":
    sys.exit(main())
