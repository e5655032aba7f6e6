// What a program with the vendor's own SDK for Node does: it is told where the server is, and nothing else.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// From where it was installed, which is not beside this file.
const { AssemblyAI } = createRequire(`${process.env.AAI_NODE_SDK}/`)("assemblyai");

const client = new AssemblyAI({
  apiKey: process.env.ASSEMBLYAI_API_KEY,
  baseUrl: process.env.ASSEMBLYAI_BASE_URL,
});
const polling = { pollingInterval: 50 };

const transcript = await client.transcripts.transcribe(
  {
    audio: process.argv[2],
    speech_models: ["assemblyai-stt-3-7", "universal-2"],
    speaker_labels: true,
    disfluencies: false,
  },
  polling,
);
assert.equal(transcript.status, "completed", transcript.error);
assert.equal(transcript.text, "Hello there. How are you today?");
assert.equal(transcript.speech_model_used, "assemblyai-stt-3-7");
assert.deepEqual(transcript.speech_models, ["assemblyai-stt-3-7", "universal-2"]);
assert.equal(transcript.metadata.local_engine, "scripted");
assert.deepEqual(transcript.utterances.map((turn) => turn.speaker), ["A"]);

const { sentences } = await client.transcripts.sentences(transcript.id);
assert.deepEqual(sentences.map((sentence) => sentence.text), ["Hello there.", "How are you today?"]);
const { paragraphs } = await client.transcripts.paragraphs(transcript.id);
assert.equal(paragraphs.length, 1);
assert.match(await client.transcripts.subtitles(transcript.id, "srt"), /^1\n00:00:00,000 --> /);
assert.match(await client.transcripts.subtitles(transcript.id, "vtt", 10), /^WEBVTT/);
const found = await client.transcripts.wordSearch(transcript.id, ["you today", "absent"]);
assert.equal(found.total_count, 1);

const next = await client.transcripts.transcribe(
  { audio: process.argv[2], speech_models: ["assemblyai-stt-9"], a_parameter_of_next_year: 1 },
  polling,
);
assert.equal(next.speech_model_used, "assemblyai-stt-9");
assert.equal(next.a_parameter_of_next_year, 1);

const page = await client.transcripts.list({ limit: 1 });
assert.deepEqual(page.transcripts.map((item) => item.id), [next.id]);
const older = await client.transcripts.list(page.page_details.prev_url);
assert.deepEqual(older.transcripts.map((item) => item.id), [transcript.id]);

assert.equal((await client.transcripts.delete(transcript.id)).text, "Deleted by user.");

await assert.rejects(
  client.transcripts.submit({ audio_url: "https://example.com/a.mp3", speech_model: "best" }),
  /speech_model is deprecated/,
);
