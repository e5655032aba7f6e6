"""Haystack's component for recordings, in a pipeline, with speaker labels."""

import sys

from assemblyai_haystack.transcriber import AssemblyAITranscriber
from haystack import Pipeline

pipeline = Pipeline()
pipeline.add_component("transcriber", AssemblyAITranscriber())
result = pipeline.run({"transcriber": {"file_path": sys.argv[1], "speaker_labels": True}})["transcriber"]

assert [document.content for document in result["transcription"]] == ["Hello there. How are you today?"]
assert [document.meta["speaker"] for document in result["speaker_labels"]] == ["A"]
