"""The table of what may go wrong names tests that exist, and leaves none of the files out."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [
    line.split(" | ") for line in (HERE / "README.md").read_text().splitlines() if re.match(r"\| \d+ ", line)
]
NAMED = [
    (row[0].strip("| "), *match) for row in ROWS for match in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", row[3])
]


def test_each_row_has_a_test() -> None:
    """A promise without one is none."""
    numbers = [int(row[0].strip("| ")) for row in ROWS]
    assert numbers == sorted(set(numbers))
    assert {number for number, _, _ in NAMED} == {str(number) for number in numbers}


def test_each_test_that_is_named_exists_where_it_is_said_to_be() -> None:
    """Whoever renames one, renames it there as well."""
    missing = [
        (row, name)
        for row, name, path in NAMED
        if not re.search(rf"def test_{name.replace(' ', '_')}\(", (HERE / path).read_text())
    ]
    assert missing == []


def test_each_file_of_faults_has_its_place_in_the_table() -> None:
    """What is not there is not found by whoever looks for what is tested."""
    text = (HERE / "README.md").read_text()
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert {name for name in files if f"({name})" not in text} == set()
