"""Words become phrases and windows, windows become speakers, and speakers follow the words."""

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aai_async.server.diarization import filterbank, phrases, speakers
from aai_async.server.diarization.clustering import cluster, smooth
from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.phrases import Window
from aai_async.server.diarization.speakers import SpeakerCount, tell_apart
from aai_async.server.engine import RecognizedWord
from aai_async.server.sound.decoding import RATE, Samples


def words(*spans: tuple[str, int, int]) -> tuple[RecognizedWord, ...]:
    return tuple(
        RecognizedWord(text=text, start=start, end=end, confidence=1.0) for text, start, end in spans
    )


@st.composite
def spoken(draw: st.DrawFn, most: int = 40) -> tuple[RecognizedWord, ...]:
    """Words in order, with pauses and now and then the end of a sentence."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["word", "word", "end.", "what?"]),
                st.integers(0, 900),
                st.integers(0, 1500),
            ),
            min_size=1,
            max_size=most,
        )
    )
    spans, time = [], 0
    for text, pause, length in steps:
        spans.append((text, time + pause, time + pause + length))
        time += pause + length
    return words(*spans)


def unit(vectors: Sequence[Sequence[float]]) -> Floats:
    array = np.array(vectors, dtype=np.float32)
    normed: Floats = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-9)
    return normed


vectors = st.lists(
    st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3).filter(lambda row: max(map(abs, row)) > 0.1),
    min_size=1,
    max_size=25,
).map(unit)


def voices(*spans: tuple[int, int, int], count: int = 4) -> speakers.Embed:
    """An encoder that hears voice `number` from `start` to `end`, in ms, and mixes what overlaps."""

    def embed(_: Samples, listened: Sequence[Window]) -> Floats:
        rows = np.full((len(listened), count), 1e-3)
        for row, window in enumerate(listened):
            for number, start, end in spans:
                rows[row, number] += max(min(end, window.end) - max(start, window.start), 0)
        return unit(rows.tolist())

    return embed


SILENCE = np.zeros(RATE, np.int16)


def test_phrases_end_at_pauses_and_sentences() -> None:
    """A pause of 350 ms ends a phrase, and so does a full stop; less of a pause does not."""
    heard = words(
        ("So", 0, 300), ("it", 400, 500), ("goes.", 600, 900), ("And", 910, 1000), ("on", 1349, 1500),
        ("later", 1850, 2000),
    )  # fmt: skip
    found = [(phrase.first, phrase.last) for phrase in phrases.phrases(heard)]
    assert found == [(0, 2), (3, 4), (5, 5)]


@given(heard=spoken())
def test_phrases_cover_the_words(heard: tuple[RecognizedWord, ...]) -> None:
    """Every word is in one phrase, phrases are in order, and only a single word can make one too long."""
    found = phrases.phrases(heard)
    covered = [index for phrase in found for index in range(phrase.first, phrase.last + 1)]
    assert covered == list(range(len(heard)))
    for phrase in found:
        assert (phrase.start, phrase.end) == (heard[phrase.first].start, heard[phrase.last].end)
        assert phrase.first == phrase.last or phrase.end - phrase.start <= phrases.LONGEST_PHRASE


@given(heard=spoken())
def test_windows_cover_the_phrases(heard: tuple[RecognizedWord, ...]) -> None:
    """Windows lie inside their phrase from end to end, without gaps, and their shares make up its length."""
    found = phrases.phrases(heard)
    listened = phrases.windows(found)
    assert [window.phrase for window in listened] == sorted(window.phrase for window in listened)
    for number, phrase in enumerate(found):
        own = [window for window in listened if window.phrase == number]
        assert (own[0].start, own[-1].end) == (phrase.start, phrase.end)
        assert sum(window.share for window in own) == pytest.approx(phrase.end - phrase.start)
        assert all(window.end - window.start <= phrases.LONGEST_SINGLE_WINDOW for window in own)
        assert all(left.start < right.start <= left.end for left, right in pairwise(own))


def naive_distance(embeddings: Floats, one: list[int], other: list[int]) -> float:
    return float(np.mean(1 - embeddings[one].astype(np.float64) @ embeddings[other].T.astype(np.float64)))


def naive_cluster(embeddings: Floats, cut: float) -> list[list[int]]:
    """Average linkage as the textbooks have it: join the closest pair until none is close enough."""
    groups = [[index] for index in range(len(embeddings))]
    while len(groups) > 1:
        distance, first, second = min(
            (naive_distance(embeddings, groups[one], groups[other]), one, other)
            for other in range(len(groups))
            for one in range(other)
        )
        if distance > cut:
            break
        groups[first] += groups.pop(second)
    return sorted(map(sorted, groups))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 14), cut=st.floats(0.05, 1.5))
@settings(deadline=None, max_examples=60)
def test_clusters_as_the_textbook_does(seed: int, count: int, cut: float) -> None:
    """The fast way finds the same groups as the plain one."""
    embeddings = unit(np.random.default_rng(seed).normal(size=(count, 3)).tolist())
    labels = cluster(embeddings, cut=cut)
    groups = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    assert sorted(groups) == naive_cluster(embeddings, cut)


@given(embeddings=vectors, fewest=st.integers(1, 6), more=st.none() | st.integers(0, 6))
@settings(deadline=None)
def test_cluster_count_is_kept(embeddings: Floats, fewest: int, more: int | None) -> None:
    """There are as many groups as asked for, as far as there are rows, numbered without gaps."""
    most = None if more is None else fewest + more
    labels = cluster(embeddings, cut=0.65, fewest=fewest, most=most)
    count = len(set(labels.tolist()))
    assert set(labels.tolist()) == set(range(count))
    assert min(fewest, len(embeddings)) <= count <= (most or len(embeddings))


@given(embeddings=vectors, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_equal_voices_are_one(embeddings: Floats, seed: int) -> None:
    """Copies of a row are always in its group."""
    order = np.random.default_rng(seed).permutation(2 * len(embeddings)) % len(embeddings)
    labels = cluster(embeddings[order], cut=0.1)
    assert len(set(zip(order.tolist(), labels.tolist(), strict=True))) == len(embeddings)


def test_many_windows_cluster_quickly() -> None:
    """Four thousand windows of six voices are no trouble."""
    generator = np.random.default_rng(1)
    centers = generator.normal(size=(6, 256))
    truth = generator.integers(0, 6, speakers.MOST_CLUSTERED)
    embeddings = unit((centers[truth] + generator.normal(size=(len(truth), 256)) * 0.5).tolist())
    labels = cluster(embeddings, cut=speakers.CUT)
    assert len(set(zip(truth.tolist(), labels.tolist(), strict=True))) == 6


def path_score(scores: Floats, costs: Floats, path: Sequence[int]) -> float:
    switches = sum(float(costs[time]) for time in range(1, len(path)) if path[time] != path[time - 1])
    return sum(float(scores[time, label]) for time, label in enumerate(path)) - switches


@given(seed=st.integers(0, 10_000), length=st.integers(1, 7), labels=st.integers(1, 3))
@settings(deadline=None, max_examples=80)
def test_smoothing_is_the_best_path(seed: int, length: int, labels: int) -> None:
    """No path scores better than the one that is found."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(length, labels)).astype(np.float32)
    costs = generator.uniform(0, 2, length).astype(np.float32)
    found = smooth(scores, costs).tolist()
    best = max(path_score(scores, costs, path) for path in np.ndindex(*[labels] * length))
    assert path_score(scores, costs, found) == pytest.approx(best, abs=1e-4)


def test_two_voices() -> None:
    """Turns go to their voices, named by first appearance."""
    heard = words(*[("word", time, time + 250) for time in range(0, 12_000, 300)])
    turns = voices((2, 0, 4000), (0, 4000, 8000), (2, 8000, 12_000))
    labelled, _ = tell_apart(_with_pauses(heard), SILENCE, turns, SpeakerCount())
    assert [word.speaker for word in labelled] == ["A"] * 14 + ["B"] * 13 + ["A"] * 13


def _with_pauses(heard: Sequence[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """End sentences where the voices change."""
    ends = {13: "end.", 26: "end."}
    return tuple(attrs.evolve(word, text=ends.get(index, word.text)) for index, word in enumerate(heard))


def test_change_within_a_phrase() -> None:
    """A change of voice is found within a phrase too, roughly."""
    heard = words(*[("word", time, time + 250) for time in range(0, 10_000, 300)])
    labelled, _ = tell_apart(heard, SILENCE, voices((0, 0, 5000), (1, 5000, 10_000)), SpeakerCount())
    right = sum(word.speaker == ("A" if word.end < 5000 else "B") for word in labelled)
    assert right >= len(heard) - 3


def test_brief_noise_is_no_speaker() -> None:
    """A cough of half a second gets no letter of its own."""
    heard = words(("Hello", 0, 1500), ("there.", 1500, 3000), ("Hm.", 3400, 3900), ("Yes.", 4300, 6300))
    labelled, _ = tell_apart(
        heard, SILENCE, voices((0, 0, 3000), (1, 3400, 3900), (0, 4300, 6300)), SpeakerCount()
    )
    assert {word.speaker for word in labelled} == {"A"}


@given(heard=spoken(), fewest=st.integers(1, 3), more=st.none() | st.integers(0, 3), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_labels_hold_together(
    heard: tuple[RecognizedWord, ...], fewest: int, more: int | None, seed: int
) -> None:
    """Words stay as they are, letters appear in order, and there are never more than asked for."""

    def embed(_: Samples, listened: Sequence[Window]) -> Floats:
        return unit(np.random.default_rng(seed).normal(size=(len(listened), 8)).tolist())

    count = SpeakerCount(fewest=fewest, most=None if more is None else fewest + more)
    labelled, _ = tell_apart(heard, SILENCE, embed, count)
    assert tuple(attrs.evolve(word, speaker=None) for word in labelled) == heard
    letters = list(dict.fromkeys(word.speaker for word in labelled))
    assert letters == speakers.name_speakers(np.arange(len(letters)))
    assert more is None or len(letters) <= fewest + more


def test_no_words_no_speakers() -> None:
    """Silence has no speakers, and nobody listens to it."""
    assert tell_apart((), SILENCE, voices(), SpeakerCount()) == ((), {})


def test_more_windows_than_are_clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows beyond the limit go to the nearest of the voices that the others make."""
    monkeypatch.setattr(speakers, "MOST_CLUSTERED", 4)
    heard = words(*[("word.", time, time + 2000) for time in range(0, 40_000, 2400)])
    labelled, _ = tell_apart(heard, SILENCE, voices((0, 0, 19_000), (1, 19_000, 50_000)), SpeakerCount())
    assert [word.speaker for word in labelled] == ["A" if word.start < 19_000 else "B" for word in heard]


def test_names_go_on_after_z() -> None:
    """The twenty-seventh speaker is AA."""
    names = speakers.name_speakers(np.arange(53))
    assert (names[0], names[25], names[26], names[51], names[52]) == ("A", "Z", "AA", "AZ", "BA")


def test_filterbank_shape() -> None:
    """Only whole frames count, as with Kaldi's ``snip_edges``."""
    features = filterbank.filterbank(np.zeros(RATE * 2, np.int16))
    assert features.shape == (198, 80)
    assert features.dtype == np.float32
    assert np.allclose(features, np.log(np.finfo(np.float32).eps))


@pytest.mark.parametrize("hertz", [300, 1000, 3000, 6000])
def test_filterbank_hears_pitch(hertz: int) -> None:
    """A tone is loudest in the band whose centre, in mel, is nearest."""
    times = np.arange(RATE) / RATE
    features = filterbank.filterbank((np.sin(2 * np.pi * hertz * times) * 10_000).astype(np.int16))
    mel = 1127 * np.log1p(np.array([20, 8000, hertz]) / 700)
    nearest = round(float((mel[2] - mel[0]) / ((mel[1] - mel[0]) / 81))) - 1
    assert abs(int(features.mean(axis=0).argmax()) - nearest) <= 1
