"""Channels that were recognised one by one, put back together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.engines.channels import interleave


def word(text: str, start: int, speaker: str | None = None) -> RecognizedWord:
    return RecognizedWord(text=text, start=start, end=start + 90, confidence=1, speaker=speaker)


def test_phrases_of_all_channels_come_in_the_order_in_which_they_begin() -> None:
    """Who speaks at the same time is not cut up word by word."""
    left = [word("How", 0), word("are", 100), word("you?", 200), word("Fine.", 1000)]
    right = [word("I'm", 150), word("well.", 250)]
    said = interleave([left, right])
    assert " ".join(each.text for each in said) == "How are you? I'm well. Fine."
    assert [each.channel for each in said] == ["1", "1", "1", "2", "2", "1"]
    assert [each.speaker for each in said] == ["1", "1", "1", "2", "2", "1"]


def test_speakers_within_a_channel_are_named_after_it() -> None:
    """A speaker of one channel is none of another."""
    said = interleave([[word("Hi.", 0, "A"), word("Hi.", 500, "B")], [word("Hi.", 1000, "A")]])
    assert [(each.channel, each.speaker) for each in said] == [("1", "1A"), ("1", "1B"), ("2", "2A")]


def test_one_channel_is_a_channel_and_none_said_nothing() -> None:
    """Neither is a special case."""
    assert [each.channel for each in interleave([[word("Hi.", 0)]])] == ["1"]
    assert interleave([[], []]) == ()


@given(st.lists(st.lists(st.integers(0, 50), unique=True), max_size=3))
def test_no_word_is_lost(starts: list[list[int]]) -> None:
    """Each channel's words keep their order."""
    channels = [[word("a", at * 100) for at in sorted(channel)] for channel in starts]
    said = interleave(channels)
    for number, channel in enumerate(channels, start=1):
        own = [each.start for each in said if each.channel == str(number)]
        assert own == [each.start for each in channel]
