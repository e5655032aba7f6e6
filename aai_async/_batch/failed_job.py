"""The job of a recording that an earlier batch recorded as failed."""

from __future__ import annotations

import functools

from aai_async._batch.context import BatchContext
from aai_async._batch.resume import is_gone
from aai_async._errors import NotFoundError
from aai_async._models.transcript import Transcript, is_deleted


async def fetch_failed(context: BatchContext, transcript_id: str) -> Transcript | None:
    """
    Fetch a job that an earlier batch recorded as failed; return `None` if it has failed or was deleted.

    Raises:
        AAIError: It cannot be fetched.
    """
    try:
        transcript = await context.outage.run(functools.partial(context.pipeline.get, transcript_id))
    except NotFoundError as error:
        if not is_gone(error):
            raise
        return None
    return None if transcript.status == "error" or is_deleted(transcript) else transcript
