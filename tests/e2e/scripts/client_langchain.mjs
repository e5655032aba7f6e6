// LangChain's loaders of recordings for JavaScript: the address is one of the options of the vendor's SDK.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// From where it was installed, which is not beside this file.
const installed = createRequire(`${process.env.AAI_CLIENTS}/`);
const {
  AudioSubtitleLoader,
  AudioTranscriptLoader,
  AudioTranscriptParagraphsLoader,
  AudioTranscriptSentencesLoader,
} = await import(installed.resolve("@langchain/community/document_loaders/web/assemblyai"));

const options = { baseUrl: process.env.ASSEMBLYAI_BASE_URL };
const contents = async (loader) => (await loader.load()).map((document) => document.pageContent);

const asked = { audio: process.argv[2], speaker_labels: true };
const [document] = await new AudioTranscriptLoader(asked, options).load();
assert.equal(document.pageContent, "Hello there. How are you today?");
assert.deepEqual(document.metadata.utterances.map((turn) => turn.speaker), ["A"]);

const { id } = document.metadata;
assert.deepEqual(
  await contents(new AudioTranscriptSentencesLoader(id, options)),
  ["Hello there.", "How are you today?"],
);
assert.deepEqual(await contents(new AudioTranscriptParagraphsLoader(id, options)), [document.pageContent]);
const [subtitles] = await contents(new AudioSubtitleLoader(id, "vtt", options));
assert.match(subtitles, /^WEBVTT\n\n/);
