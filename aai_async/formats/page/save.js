// Files from the page: text, subtitles, Markdown, a Word document, and the transcript as JSON with its corrections.

const MARKUP = /([\\`*_[\]>#!{}&<|~$])/g; // of Markdown

const savers = {
  txt: ['text/plain', txt],
  srt: ['application/x-subrip', srt],
  vtt: ['text/vtt', vtt],
  md: ['text/markdown', markdown],
  docx: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', docx],
  json: ['application/json', json],
};

// The turns of the speakers who are shown, with their paragraphs: [{ voice, start, texts }].
function shownTurns() {
  const turns = [];
  counts.forEach((count, paragraph) => {
    if (!count || !isShown(paragraph)) return;
    const text = textOfWords(partOf(paragraph).words);
    const last = turns.at(-1);
    if (last?.voice === voices[paragraph] && !splits[paragraph]) last.texts.push(text);
    else turns.push({ voice: voices[paragraph], start: starts[firsts[paragraph]], texts: [text] });
  });
  if (!counts.length && whole()) turns.push({ voice: -1, start: 0, texts: [whole()] });
  return turns;
}

const inOneLine = (texts) => texts.join(UNSPACED.test(texts[0]) ? '' : ' ');

function txt() {
  const named = labels.length > 0;
  const lines = shownTurns().flatMap(({ voice, texts }) => (named ? [(voice >= 0 ? `${nameBefore(voice, texts[0])}: ` : '') + inOneLine(texts)] : texts));
  return `${lines.join(named ? '\n' : '\n\n')}\n`;
}

// The text without names and times.
const plainText = () => shownTurns().flatMap(({ texts }) => texts).join('\n\n');

function markdown() {
  const safe = (text) => text.replace(MARKUP, '\\$1').replace(/^(\s*)([-+=:]|\d+[.)])/, '$1\\$2');
  const blocks = shownTurns().flatMap(({ voice, start, texts }) => texts.map((text, at) => {
    const name = at || voice < 0 ? '' : `**${safe(nameBefore(voice, text))}** \`${clock(start)}\` `;
    return name + safe(text);
  }));
  return `${[`# ${safe(document.title)}`, ...blocks].join('\n\n')}\n`;
}

// The response of the service, as far as the page shows it, with the corrected text. The original is kept beside it.
async function json() {
  const { original, ...response } = await embedded();
  if (!counts.length) return JSON.stringify(response);
  const parts = partsOf(0, counts.length);
  const said = parts.flatMap((part) => part.words.map((word) => ({ ...word, voice: part.voice })));
  said.sort((one, other) => one.start - other.start);
  const turns = shapedTurns(parts);
  const { words, utterances, text: before } = response;
  return JSON.stringify({
    ...response,
    text: textOfWords(said),
    words: said.map((word) => savedWord(word, word.voice)),
    utterances: labels.length ? turns : (utterances ?? null),
    original: original ?? { text: before, words, utterances },
  });
}

function savedWord({ text, start, end, confidence: sure, isChecked }, voice) {
  return { text, start, end, confidence: isChecked ? 1 : sure, speaker: voice < 0 ? null : speakerIn(voice), channel: data.channels[voice] ?? null };
}

// Utterances: consecutive paragraphs of a speaker, unless a reader has split them.
function shapedTurns(parts) {
  const turns = [];
  for (const part of parts.filter(({ words }) => words.length)) {
    const last = turns.at(-1);
    if (last?.voice === part.voice && !part.isSplit) last.words.push(...part.words);
    else turns.push({ voice: part.voice, words: [...part.words] });
  }
  return turns.map(({ voice, words }) => {
    const said = words.map((word) => savedWord(word, voice));
    const sure = said.map((word) => word.confidence ?? 0);
    const mean = sure.reduce((sum, one) => sum + one, 0) / sure.length;
    const { start, speaker, channel } = said[0];
    return { text: textOfWords(words), start, end: Math.max(...said.map((word) => word.end)), confidence: mean, speaker, channel, words: said };
  });
}

// The response of the service is in the page in compressed form.
async function embedded() {
  const bytes = Uint8Array.from(atob($('response').textContent), (one) => one.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text());
}

async function save(format) {
  const [type, make] = savers[format];
  const link = made('a', { href: URL.createObjectURL(new Blob([await make()], { type })), download: `${fileName()}.${format}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  announce(`Saved as ${format.toUpperCase()}`);
}

const fileName = () => (document.title.replace(/\.\w{1,5}$/, '').replace(/[\p{Cc}\p{Cf}"*/:<>?\\|]/gu, '_').slice(0, 100) || 'transcript') + (isCorrected() ? '.corrected' : '');

async function copyAll() {
  const text = (await copied(plainText())) ? 'Copied' : 'The browser refused to copy';
  $('copy-all').textContent = text;
  announce(text);
}

function addSaveListeners(on) {
  on($('save'), 'click', ({ target }) => { if (target.dataset.format) save(target.dataset.format); });
  on($('save'), 'beforetoggle', () => { $('copy-all').textContent = 'Copy the text'; });
  on($('copy-all'), 'click', copyAll);
}
