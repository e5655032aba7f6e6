"""
Transcripts compared: the word error rate, by speaker too, and each difference with its time.

`compare` takes two transcripts, or the text that was spoken and a transcript. `page` shows the differences
side by side, with the recording. Everything is computed on this machine. It needs the extra `compare`: jiwer
counts the errors, and whisper-normalizer has the rules by which spelling is not an error.
"""

from aai_async.comparison._compare import Comparison, compare
from aai_async.comparison._counts import ErrorCounts, error_interval, improvement_probability
from aai_async.comparison._normalization import NORMALIZATIONS, Normalization
from aai_async.comparison._page import page
from aai_async.comparison._passages import Passage
from aai_async.comparison._speakers import SpeakerPair

__all__ = [
    "NORMALIZATIONS",
    "Comparison",
    "ErrorCounts",
    "Normalization",
    "Passage",
    "SpeakerPair",
    "compare",
    "error_interval",
    "improvement_probability",
    "page",
]
