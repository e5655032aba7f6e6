// The AI SDK: the provider has no option for the address, so its `fetch` sends the requests to the server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

// From where they were installed, which is not beside this file.
const installed = createRequire(`${process.env.AAI_CLIENTS}/`);
const { createAssemblyAI } = await import(installed.resolve("@ai-sdk/assemblyai"));
const { transcribe } = await import(installed.resolve("ai"));

const service = "https://api.assemblyai.com";
const assemblyai = createAssemblyAI({
  fetch: (url, request) => fetch(url.replace(service, process.env.ASSEMBLYAI_BASE_URL), request),
});
const audio = await readFile(process.argv[2]);

const result = await transcribe({
  model: assemblyai.transcription("universal-3-5-pro"),
  audio,
  providerOptions: { assemblyai: { speakerLabels: true } },
});
assert.equal(result.text, "Hello there. How are you today?");
assert.deepEqual(result.segments[0], { text: "Hello", startSecond: 0, endSecond: 0.3 });
assert.equal(result.language, "en_us");
assert.deepEqual(result.providerMetadata.assemblyai.utterances.map((turn) => turn.speaker), ["A"]);

// The service refuses the parameter `speech_model`, which the provider sends for this model only.
await assert.rejects(
  transcribe({ model: assemblyai.transcription("best"), audio, maxRetries: 0 }),
  (error) => error.statusCode === 400 && error.responseBody.includes("speech_model is deprecated"),
);
