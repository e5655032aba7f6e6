"""`search` lists each phrase once, also those without a match."""

from __future__ import annotations

import pytest
from several_runs import Service


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


async def test_a_phrase_without_a_match_is_listed_unless_it_is_one_of_the_matches(service: Service) -> None:
    """Signs and vowel signs count; case, the encoding of accents and the end of a sentence do not."""
    service.answer = lambda _: "In C: a café, a दिन."
    service.make("a.mp3")
    assert (await service.run("a.mp3")).returncode == 0
    transcript_id = (await service.command("list")).stdout.decode().split()[0]
    phrases = [
        "c",
        "C.",
        "C++",
        "C#",
        "C++",
        "cafe\u0301",
        "CAFÉ",
        "cafe",
        "दिन",
        "दीन",
        "दान",
        "Dog",
        "dog!",
    ]
    found = await service.command("search", transcript_id, *phrases)
    counts = found.stdout.decode().splitlines()
    assert [line for line in counts if line.endswith(": 0")] == [
        f"{phrase}: 0" for phrase in ("C++", "C#", "cafe", "दीन", "दान", "Dog")
    ]
    assert {"c: 1", "दिन: 1"} <= {*counts}
