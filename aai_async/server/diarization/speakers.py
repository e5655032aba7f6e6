"""
Assigns words to speakers: an encoder compares voices, which are clustered and followed through the words.

The method and its numbers were chosen on dialogues cut together from real readers: windows of about two
seconds laid over phrases, WeSpeaker's embeddings, average linkage, then a Viterbi path over the words.
"""

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from aai_async.server.diarization.clustering import Labels, cluster, smooth
from aai_async.server.diarization.encoder import unit
from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.phrases import Phrase, Window, phrases, windows
from aai_async.server.engine import RecognizedWord, SpeakerEmbedding
from aai_async.server.sound.decoding import Samples

Embed = Callable[[Samples, Sequence[Window]], Floats]
"""Turns windows of a recording into unit vectors, one a row, that are close for the same voice."""

CUT = 0.65
"""The cosine distance beyond which two groups of windows are two speakers."""

SWITCH_INSIDE_PHRASE = 1.2
"""What a change of speaker within a phrase costs, in units of cosine similarity times words."""

SWITCH_BETWEEN_PHRASES = 0.25
"""What a change of speaker from one phrase to the next costs."""

SHORTEST_FOR_CLUSTERING = 1_000
"""Minimum length of a window, in ms, to count for the number of speakers."""

LEAST_SPEECH = 1_000
"""How long a speaker must speak, in ms, to be one."""

MOST_CLUSTERED = 4_000
"""How many windows are clustered at most (64 MB of distances); the others go to the nearest centre."""


@attrs.frozen(kw_only=True)
class SpeakerCount:
    """How many speakers there may be."""

    fewest: int = 1
    most: int | None = None


def tell_apart(
    words: Sequence[RecognizedWord], samples: Samples, embed: Embed, count: SpeakerCount
) -> tuple[tuple[RecognizedWord, ...], dict[str, SpeakerEmbedding]]:
    """Return the words with their speakers, ``"A"``, ``"B"`` … by first appearance, and their voices."""
    if not words:
        return (), {}
    found = phrases(words)
    listened = windows(found)
    embeddings = embed(samples, listened)
    centers = speaker_centers(embeddings, listened, count)
    scores = word_scores(words, found, listened, embeddings @ centers.T)
    names = name_speakers(smooth(scores, switch_costs(found)))
    named = tuple(attrs.evolve(word, speaker=name) for word, name in zip(words, names, strict=True))
    return named, _embeddings_of(names, words, found, listened, embeddings)


def _embeddings_of(
    names: Sequence[str],
    words: Sequence[RecognizedWord],
    found: Sequence[Phrase],
    listened: Sequence[Window],
    embeddings: Floats,
) -> dict[str, SpeakerEmbedding]:
    """Return the mean voice of each speaker, of the windows in which nobody else speaks."""
    rows: dict[str, list[int]] = {}
    for index, window in enumerate(listened):
        phrase = found[window.phrase]
        inside = {
            names[word]
            for word in range(phrase.first, phrase.last + 1)
            if words[word].end > window.start and words[word].start < window.end
        }
        if len(inside) == 1:
            rows.setdefault(inside.pop(), []).append(index)
    result: dict[str, SpeakerEmbedding] = {}
    for name, indexes in rows.items():
        (center,) = unit(embeddings[indexes].mean(axis=0, keepdims=True))
        duration = round(sum(listened[index].share for index in indexes))
        result[name] = SpeakerEmbedding([float(one) for one in center], duration)
    return result


def speaker_centers(embeddings: Floats, listened: Sequence[Window], count: SpeakerCount) -> Floats:
    """Return one unit vector for each speaker."""
    lengths = np.array([window.end - window.start for window in listened])
    chosen = np.flatnonzero(lengths >= SHORTEST_FOR_CLUSTERING)
    if len(chosen) < max(count.fewest, 1):
        chosen = np.arange(len(listened))
    if len(chosen) > MOST_CLUSTERED:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_CLUSTERED).astype(np.intp)]
    labels = cluster(embeddings[chosen], cut=CUT, fewest=count.fewest, most=count.most)
    shares = np.array([listened[index].share for index in chosen.tolist()])
    return _centers(embeddings[chosen], _absorb_short(labels, shares, count.fewest))


def _absorb_short(labels: Labels, shares: Floats, fewest: int) -> Labels:
    """Mark with -1 what belongs to speakers with next to no speech; they are no speakers."""
    spoken = np.bincount(labels, weights=shares)
    shortest_first = [label for label in np.argsort(spoken) if spoken[label] < LEAST_SPEECH]
    absorbed = shortest_first[: max(len(spoken) - max(fewest, 1), 0)]
    return np.where(np.isin(labels, absorbed), -1, labels)


def _centers(embeddings: Floats, labels: Labels) -> Floats:
    kept = [label for label in np.unique(labels) if label >= 0]
    centers = np.stack([embeddings[labels == label].mean(axis=0) for label in kept])
    return unit(centers)


def word_scores(
    words: Sequence[RecognizedWord],
    found: Sequence[Phrase],
    listened: Sequence[Window],
    similarities: Floats,
) -> Floats:
    """
    Return how well each speaker fits each word: the mean over the windows that the word's middle is in.

    Args:
        words: All words.
        found: The phrases they are in.
        listened: The windows over those phrases.
        similarities: Of each window to each speaker: [window, speaker].
    """
    windows_of: list[list[int]] = [[] for _ in found]
    for index, window in enumerate(listened):
        windows_of[window.phrase].append(index)
    rows = [
        similarities[_around(words[word], listened, windows_of[number])].mean(axis=0)
        for number, phrase in enumerate(found)
        for word in range(phrase.first, phrase.last + 1)
    ]
    return np.stack(rows)


def _around(word: RecognizedWord, listened: Sequence[Window], candidates: Sequence[int]) -> list[int]:
    middle = (word.start + word.end) / 2
    around = [index for index in candidates if listened[index].start <= middle <= listened[index].end]
    # The middle of an overlong word may lie in none: it counts for the whole phrase then.
    return around or list(candidates)


def switch_costs(found: Sequence[Phrase]) -> Floats:
    """Return what a change of speaker costs before each word."""
    costs = np.full(found[-1].last + 1, SWITCH_INSIDE_PHRASE, dtype=np.float32)
    costs[[phrase.first for phrase in found]] = SWITCH_BETWEEN_PHRASES
    return costs


def name_speakers(labels: Labels) -> list[str]:
    """Name labels ``A`` … ``Z``, ``AA``, ``AB`` … in the order in which they first appear."""
    order = dict.fromkeys(labels.tolist())
    names = {label: _letters(number) for number, label in enumerate(order)}
    return [names[label] for label in labels.tolist()]


def _letters(number: int) -> str:
    earlier, letter = divmod(number, 26)
    return (_letters(earlier - 1) if earlier else "") + chr(ord("A") + letter)
