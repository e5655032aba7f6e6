// Reads subtitles with the libraries of npm: node npm_readers.mjs FOLDER, with FOLDER/subtitles.srt and .vtt.
// Prints JSON: for each reader, the start and end in seconds and the text of each cue.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = process.argv[2];
const require = createRequire(join(folder, 'node_modules', 'x.js'));
const text = (kind) => readFileSync(join(folder, `subtitles.${kind}`), 'utf8');
const plain = (tokens) => tokens.map((token) => (token.type === 'text' ? token.data : plain(token.children))).join('');

globalThis.window = globalThis;
globalThis.navigator ??= { userAgent: 'node' };
const found = {};

const media = await import(require.resolve('media-captions'));
for (const type of ['srt', 'vtt']) {
  const { cues, errors } = await media.parseText(text(type), { type, errors: true, strict: true });
  found[`media-captions ${type}`] = {
    cues: cues.map((cue) => [cue.startTime, cue.endTime, plain(media.tokenizeVTTCue(cue))]),
    errors: errors.map((error) => error.message),
  };
}

const { WebVTT, VTTCue, VTTRegion } = require('vtt.js');
const read = { cues: [], errors: [] };
const parser = new WebVTT.Parser({ VTTCue, VTTRegion }, WebVTT.StringDecoder());
parser.oncue = (cue) => read.cues.push([cue.startTime, cue.endTime, cue.text.replace(/<\/?v[^>]*>/g, '')]);
parser.onparsingerror = (error) => read.errors.push(error.message);
parser.parse(text('vtt'));
parser.flush();
found['vtt.js vtt'] = read;

console.log(JSON.stringify(found));
