"""
Log entries about a result: the service's warnings, and requested features that are missing from it.

A client logs each notice at WARNING once, and at DEBUG when it recurs: a batch of thousands of files in a
language that lacks a feature logs one warning. No I/O of its own.
"""

from __future__ import annotations

import logging

from aai_async._events import logger
from aai_async._jobs.registry import forget_oldest
from aai_async._models.missing import MissingResult
from aai_async._shown_text import escaped

_MOST_REMEMBERED = 1000
"""Maximum number of notices that are recognised when they recur."""


class ResultNotices:
    """The notices that a client has logged."""

    def __init__(self) -> None:
        self._logged = dict[str, None]()

    def log(self, transcript_id: str, warnings: tuple[str, ...], missing: tuple[MissingResult, ...]) -> None:
        """
        Log the warnings and the missing features of a result.

        Args:
            transcript_id: The transcript.
            warnings: The warnings of the service.
            missing: The requested features that are missing.
        """
        for warning in warnings:
            self._log(transcript_id, "the service warns", warning)
        for result in missing:
            self._log(transcript_id, "requested, but missing from the result", str(result))

    def _log(self, transcript_id: str, kind: str, what: str) -> None:
        notice = f"{kind}: {what}"
        level = logging.DEBUG if notice in self._logged else logging.WARNING
        if not logger.isEnabledFor(level):
            return
        if level == logging.WARNING:
            self._logged[notice] = None
            forget_oldest(self._logged, _MOST_REMEMBERED)
        fields = {"transcript_id": transcript_id}
        logger.log(level, "transcript %s: %s: %s", transcript_id, kind, escaped(what), extra=fields)
