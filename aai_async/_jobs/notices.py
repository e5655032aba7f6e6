"""
What is logged about a result: the service's warnings, and what was requested and is missing.

Each is logged once for a client at WARNING, and at DEBUG when it comes again: a batch of thousands whose
language lacks a feature has one line. No I/O of its own.
"""

from __future__ import annotations

import logging

from aai_async._errors import escaped
from aai_async._events import logger
from aai_async._jobs.registry import forget_oldest
from aai_async._models.missing import MissingResult

_MOST_REMEMBERED = 1000
"""Different notices that are recognised when they come again."""


class ResultNotices:
    """The notices that a client has logged."""

    def __init__(self) -> None:
        self._logged = dict[str, None]()

    def log(self, transcript_id: str, warnings: tuple[str, ...], missing: tuple[MissingResult, ...]) -> None:
        """
        Log what is to be known about a result.

        Args:
            transcript_id: The transcript that it belongs to.
            warnings: What the service remarks.
            missing: What was requested and is not there.
        """
        for warning in warnings:
            self._log(transcript_id, f"the service warns: {escaped(warning)}")
        for result in missing:
            self._log(transcript_id, f"requested, but missing from the result: {escaped(str(result))}")

    def _log(self, transcript_id: str, notice: str) -> None:
        level = logging.DEBUG if notice in self._logged else logging.WARNING
        self._logged[notice] = None
        forget_oldest(self._logged, _MOST_REMEMBERED)
        logger.log(level, "transcript %s: %s", transcript_id, notice)
