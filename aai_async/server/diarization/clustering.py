"""
Agglomerative clustering with average linkage, and the smoothing of labels over time.

Both are functions on arrays; they know nothing of speech.
"""

import numpy as np
from numpy.typing import NDArray

from aai_async.server.diarization.filterbank import Floats

Labels = NDArray[np.intp]
"""One small integer for each row."""


def cluster(embeddings: Floats, *, cut: float, fewest: int = 1, most: int | None = None) -> Labels:
    """
    Group unit vectors, joining the closest groups until they are further apart than `cut`.

    Args:
        embeddings: One unit vector a row.
        cut: The cosine distance, 0 to 2, averaged over all pairs, beyond which groups stay apart.
        fewest: Minimum number of groups, limited by the number of rows.
        most: Maximum number of groups.
    """
    count = len(embeddings)
    merges = _merges(embeddings)
    groups = 1 + sum(distance > cut for distance, _, _ in merges)
    groups = min(max(groups, fewest), most or count, count)
    parent = np.arange(count)
    for _, kept, dropped in merges[: count - groups]:
        parent[parent == parent[dropped]] = parent[kept]
    return np.unique(parent, return_inverse=True)[1].astype(np.intp)


def _merges(embeddings: Floats) -> list[tuple[float, int, int]]:
    """
    Return the joins of the whole hierarchy, closest first, each naming a row of either group.

    Nearest-neighbour chains (Murtagh 1983) find the same hierarchy as always joining the closest pair, in
    O(n²) steps rather than O(n³): average linkage never brings a third group closer.
    """
    distances = _distances(embeddings)
    sizes = np.ones(len(embeddings))
    merges: list[tuple[float, int, int]] = []
    chain: list[int] = []
    remaining = np.ones(len(embeddings), dtype=bool)
    while len(merges) < len(embeddings) - 1:
        if not chain:
            chain.append(int(np.argmax(remaining)))
        last = chain[-1]
        nearest = int(np.argmin(distances[last]))
        # On a tie the chain turns back, else it could run in a circle.
        if len(chain) > 1 and distances[last, chain[-2]] <= distances[last, nearest]:
            other = chain[-2]
            del chain[-2:]
            merges.append((float(distances[last, other]), last, other))
            _join(distances, sizes, last, other)
            remaining[other] = False
        else:
            chain.append(nearest)
    return sorted(merges, key=lambda merge: merge[0])


def _distances(embeddings: Floats) -> Floats:
    distances: Floats = embeddings @ embeddings.T
    np.subtract(1.0, distances, out=distances)
    np.fill_diagonal(distances, np.inf)
    return distances


def _join(distances: Floats, sizes: NDArray[np.float64], kept: int, dropped: int) -> None:
    """Put the average of two groups' distances in the place of one (Lance and Williams)."""
    total = sizes[kept] + sizes[dropped]
    joined = (distances[kept] * sizes[kept] + distances[dropped] * sizes[dropped]) / total
    joined[kept] = np.inf
    distances[kept, :] = distances[:, kept] = joined
    distances[dropped, :] = distances[:, dropped] = np.inf
    sizes[kept] = total


def smooth(scores: Floats, switch_costs: Floats) -> Labels:
    """
    Return the labels over time that score best when each change of label costs something (Viterbi).

    Args:
        scores: What each label scores at each time: [time, label].
        switch_costs: What it costs to change the label on entering each time; the first is unused.
    """
    stay = np.arange(scores.shape[1], dtype=np.intp)
    best: NDArray[np.float64] = scores[0].astype(np.float64)
    origins = np.zeros(scores.shape, dtype=np.intp)
    for time in range(1, len(scores)):
        switched = float(best.max()) - float(switch_costs[time])
        origins[time] = np.where(best >= switched, stay, int(best.argmax()))
        best = np.maximum(best, switched) + scores[time]
    path = [int(best.argmax())]
    for time in range(len(scores) - 1, 0, -1):
        path.append(int(origins[time, path[-1]]))
    return np.array(path[::-1], dtype=np.intp)
