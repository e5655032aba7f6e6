"""LangChain's loader of recordings, with the documents of each format."""

import sys
from unittest import mock

from langchain_community.document_loaders import AssemblyAIAudioTranscriptLoader
from langchain_community.document_loaders.assemblyai import AssemblyAIAudioLoaderById, TranscriptFormat


def contents(chosen: TranscriptFormat) -> list[str]:
    loader = AssemblyAIAudioTranscriptLoader(sys.argv[1], transcript_format=chosen)
    return [document.page_content for document in loader.load()]


assert contents(TranscriptFormat.TEXT) == ["Hello there. How are you today?"]
assert contents(TranscriptFormat.SENTENCES) == ["Hello there.", "How are you today?"]
assert contents(TranscriptFormat.PARAGRAPHS) == ["Hello there. How are you today?"]
assert contents(TranscriptFormat.SUBTITLES_SRT)[0].startswith("1\n00:00:00,000 --> ")
assert contents(TranscriptFormat.SUBTITLES_VTT)[0].startswith("WEBVTT\n\n")

# The other loader knows the service's address only, as docs/server.md states.
with mock.patch("requests.get") as get:
    get.return_value.text = "1"
    AssemblyAIAudioLoaderById("an-id", "a-key", TranscriptFormat.SUBTITLES_SRT).load()
assert get.call_args.args == ("https://api.assemblyai.com/v2/transcript/an-id/srt",)
