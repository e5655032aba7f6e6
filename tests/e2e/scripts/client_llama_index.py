"""LlamaIndex's reader of recordings, with the documents of each format."""

import sys

from llama_index.readers.assemblyai import AssemblyAIAudioTranscriptReader
from llama_index.readers.assemblyai.base import TranscriptFormat


def contents(chosen: TranscriptFormat) -> list[str]:
    reader = AssemblyAIAudioTranscriptReader(sys.argv[1], transcript_format=chosen)
    return [document.text for document in reader.load_data()]


assert contents(TranscriptFormat.TEXT) == ["Hello there. How are you today?"]
assert contents(TranscriptFormat.SENTENCES) == ["Hello there.", "How are you today?"]
assert contents(TranscriptFormat.PARAGRAPHS) == ["Hello there. How are you today?"]
assert contents(TranscriptFormat.SUBTITLES_SRT)[0].startswith("1\n00:00:00,000 --> ")
assert contents(TranscriptFormat.SUBTITLES_VTT)[0].startswith("WEBVTT\n\n")
