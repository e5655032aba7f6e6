"""What a program with the vendor's own SDK does, told nothing about the server but the environment."""

import sys
import tempfile
from pathlib import Path

import assemblyai as aai

aai.settings.polling_interval = 0.05
models = ["assemblyai-stt-3-7", "universal-2"]
config = aai.TranscriptionConfig(speech_models=models, speaker_labels=True, keyterms_prompt=["AssemblyAI"])

transcript = aai.Transcriber(config=config).transcribe(sys.argv[1])
assert transcript.status == aai.TranscriptStatus.completed, transcript.error
assert transcript.text == "Hello there. How are you today?"
assert transcript.id
assert transcript.confidence == 1.0
assert isinstance(transcript.audio_duration, int)
assert [(turn.speaker, turn.text) for turn in transcript.utterances or []] == [("A", transcript.text)]
assert [word.text for word in transcript.words or []][:2] == ["Hello", "there."]
assert transcript.speech_model_used == "assemblyai-stt-3-7"

assert [sentence.text for sentence in transcript.get_sentences()] == ["Hello there.", "How are you today?"]
assert [paragraph.text for paragraph in transcript.get_paragraphs()] == [transcript.text]
assert transcript.export_subtitles_srt().startswith("1\n00:00:00,000 --> ")
assert transcript.export_subtitles_vtt(chars_per_caption=10).startswith("WEBVTT\n\n")
(match,) = transcript.word_search(["you today", "absent"])
assert (match.text, match.count) == ("you today", 1)

with open(sys.argv[1], "rb") as file:  # noqa: PTH123 - a file object, as a program may hand over
    assert aai.Transcriber().transcribe(file).text == transcript.text
failed = aai.Transcriber().transcribe("https://example.com/absent.mp3")
assert failed.status == aai.TranscriptStatus.error
assert (failed.error or "").startswith("Download error, unable to download https://example.com/absent.mp3.")

transcriber = aai.Transcriber()
listed: list[str] = []
parameters = aai.ListTranscriptParameters(limit=1)
while True:
    page = transcriber.list_transcripts(parameters)
    listed += [item.id for item in page.transcripts]
    if page.page_details.before_id_of_prev_url is None:
        break
    parameters.before_id = page.page_details.before_id_of_prev_url
assert len(listed) == 3
assert listed[-1] == transcript.id

assert aai.Transcript.get_by_id(transcript.id).text == transcript.text
assert aai.Transcript.delete_by_id(transcript.id).text == "Deleted by user."
assert aai.Transcript.get_by_id(transcript.id).text == "Deleted by user."

# Nothing that was said needs covering, so the whole recording comes back.
masked = aai.TranscriptionConfig().set_redact_pii(
    policies=[aai.PIIRedactionPolicy.phone_number], redact_audio=True
)
redacted = transcriber.transcribe(sys.argv[1], config=masked)
with tempfile.TemporaryDirectory() as folder:
    copy = Path(folder) / "copy.mp3"
    redacted.save_redacted_audio(str(copy))
    assert copy.stat().st_size > 100_000

refused = aai.TranscriptionConfig(redact_pii=True, redact_pii_policies=[aai.PIIRedactionPolicy.date_of_birth])
try:
    transcriber.transcribe(sys.argv[1], config=refused)
except aai.TranscriptError as error:
    reason = str(error)
assert "not available on this server: date_of_birth" in reason
