"""The same with the vendor's asyncio classes."""

import asyncio
import sys

import assemblyai as aai

aai.settings.polling_interval = 0.05


async def main(path: str) -> None:
    config = aai.TranscriptionConfig(speaker_labels=True)
    async with aai.AsyncTranscriber(config=config) as transcriber:
        transcript = await transcriber.transcribe(path)
        assert transcript.status == aai.TranscriptStatus.completed, transcript.error
        assert transcript.text == "Hello there. How are you today?"
        assert transcript.id
        assert [turn.speaker for turn in transcript.utterances or []] == ["A"]
        assert len(await transcript.get_sentences()) == 2
        assert len(await transcript.get_paragraphs()) == 1
        assert (await transcript.export_subtitles_srt()).startswith("1\n")
        assert (await transcript.export_subtitles_vtt()).startswith("WEBVTT\n")
        assert [match.count for match in await transcript.word_search(["hello"])] == [1]

        group = await transcriber.transcribe_group([path, path, path])
        assert [getattr(member, "text", member) for member in group] == [transcript.text] * 3

        page = await transcriber.list_transcripts(aai.ListTranscriptParameters(limit=2))
        assert (len(page.transcripts), page.page_details.limit) == (2, 2)
        older = await transcriber.list_transcripts(
            aai.ListTranscriptParameters(limit=2, before_id=page.page_details.before_id_of_prev_url)
        )
        assert [item.id for item in older.transcripts][-1] == transcript.id

        assert (await transcriber.delete_by_id(transcript.id)).text == "Deleted by user."
        assert (await transcriber.get_by_id(transcript.id)).status == aai.TranscriptStatus.completed


asyncio.run(main(sys.argv[1]))
