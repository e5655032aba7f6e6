"""The figures of the owner of a journal in Ray's metrics, which Prometheus reads from each node."""

from __future__ import annotations

from aai_async._batch.journal_owner import JournalOwner
from aai_async.ray._engine import module

_GAUGES = {
    "aai_async_jobs_at_service": "Jobs at the service, of at most max_jobs.",
    "aai_async_recordings_in_progress": "Recordings that workers wait for, those at the service among them.",
    "aai_async_recordings_completed": "Recordings with a transcript since the owner began.",
    "aai_async_recordings_failed": "Recordings with an error since the owner began.",
    "aai_async_audio_hours": "Length of the completed recordings in hours.",
    "aai_async_retries": "Requests that were sent again.",
}


class Metrics:
    """
    The gauges of one owner.

    Args:
        journal: The name of the journal, which all of them have as a tag.
    """

    def __init__(self, journal: str) -> None:
        gauge = module("ray.util.metrics").Gauge
        self._gauges = {name: gauge(name, about, ("journal",)) for name, about in _GAUGES.items()}
        for one in self._gauges.values():
            one.set_default_tags({"journal": journal})

    def show(self, owner: JournalOwner) -> None:
        """Set all gauges."""
        counts = owner.summary
        values = (
            owner.at_service,
            counts.unfinished,
            counts.completed,
            counts.failed,
            counts.audio_hours,
            counts.retries,
        )
        for gauge, value in zip(self._gauges.values(), values, strict=True):
            gauge.set(value)
