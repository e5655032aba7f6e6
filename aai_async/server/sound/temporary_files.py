"""Names the reason when a temporary file cannot be written, for example because there is no space left."""

from collections.abc import Generator
from contextlib import contextmanager

from aai_async.server.engine import EngineError


@contextmanager
def errors_named() -> Generator[None]:
    """
    Create and write temporary files in a block.

    Raises:
        EngineError: One of them cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"The recording needs a temporary file, which cannot be written: {error.strerror or error}. "
            "Free some space in the directory for temporary files, or set TMPDIR to another directory."
        ) from error
