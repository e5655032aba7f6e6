"""
Recordings of a Ray Data dataset, transcribed by many workers with one journal and one cap. Extra `ray`.

`Coordinator` owns the journal, `transcribe` adds the results to a dataset, and `Transcriber` is the class
that does so, for `Dataset.map_batches`. `LocalTranscriber` recognises speech in each worker instead.
"""

from aai_async.ray._coordinator import Coordinator
from aai_async.ray._dataset import transcribe
from aai_async.ray._local import LocalTranscriber
from aai_async.ray._transcriber import Transcriber

__all__ = ["Coordinator", "LocalTranscriber", "Transcriber", "transcribe"]

for _name in __all__:
    # Tracebacks, pickles and the reference name the place to import it from.
    globals()[_name].__module__ = __name__
