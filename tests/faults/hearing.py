"""Listeners to what a client tells."""

from __future__ import annotations

import aai_async as aai


class Incidents(list[aai.Event]):
    """What was told, without how far uploads and jobs are."""

    def hear(self, event: aai.Event) -> None:
        if not isinstance(event, aai.Uploading | aai.StatusChanged):
            self.append(event)
