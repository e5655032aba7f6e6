"""What a traceback shows, with the variables of its frames."""

from __future__ import annotations

import traceback


def whole_traceback(error: BaseException, test_file: str) -> str:
    """Give the traceback with local variables, without the frames of the test itself."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == test_file:
        trace = trace.tb_next
    return "".join(traceback.TracebackException(type(error), error, trace, capture_locals=True).format())
