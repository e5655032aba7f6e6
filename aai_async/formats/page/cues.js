// Subtitles: sentences in at most two lines of 42 columns, shown while their words are spoken.

const COLUMNS = 42;
const LINES = 2;
const LONGEST_CUE = 7000; // ms
const SHORTEST_CUE = 833; // ms, unless the next cue begins before that
const CUE_PAUSE = 700; // ms of silence that end a cue

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const SENTENCE_END = /[.!?…。！？؟।]["'”’»)\]]*$/u;

const widthOf = (text) => [...text].reduce((sum, one) => sum + (WIDE.test(one) ? 2 : 1), 0);

// The cues of all speakers who are shown, in order: { start, end, voice, isTurn, lines }.
function cues() {
  const found = [];
  let before = -2;
  counts.forEach((count, paragraph) => {
    if (!count || !isShown(paragraph)) return;
    const { voice, words } = partOf(paragraph);
    for (const group of cueGroups(words)) {
      found.push({ start: group[0].start, end: group.at(-1).end, voice, isTurn: voice !== before, lines: linesOf(group) });
      before = voice;
    }
  });
  found.sort((one, other) => one.start - other.start);
  found.forEach((cue, at) => { cue.end = Math.max(cue.end, Math.min(cue.start + SHORTEST_CUE, found[at + 1]?.start ?? Infinity), cue.start + 1); });
  return found;
}

function cueGroups(words) {
  const groups = [];
  for (const word of words) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isEnd = !group || (SENTENCE_END.test(last.text) && widthOf(textOfWords(group)) > COLUMNS / 2)
      || word.start - last.end > CUE_PAUSE || word.end - group[0].start > LONGEST_CUE || linesOf([...group, word]).length > LINES;
    if (isEnd) groups.push([word]);
    else group.push(word);
  }
  return groups;
}

function linesOf(words) {
  const lines = [];
  for (const { text, gap } of words) {
    const longer = lines.length ? lines.at(-1) + ' '.repeat(gap) + text : text;
    if (lines.length && widthOf(longer) <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(text);
  }
  return lines;
}

function cueTime(milliseconds, point) {
  const pad = (number, length) => String(number).padStart(length, '0');
  const [seconds, rest] = [Math.floor(milliseconds / 1000), milliseconds % 1000];
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}${point}${pad(rest, 3)}`;
}

function srt() {
  const safe = (line) => line.replaceAll('<', '‹').replaceAll('{', '(').replaceAll('}', ')').replaceAll('-->', '--›');
  return cues().map(({ start, end, voice, isTurn, lines }, at) => {
    const name = isTurn && voice >= 0 ? `${nameBefore(voice, lines[0])}: ` : '';
    return `${at + 1}\n${cueTime(start, ',')} --> ${cueTime(end, ',')}\n${safe(name + lines.join('\n'))}\n\n`;
  }).join('');
}

function vtt() {
  const safe = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  // By number: FFmpeg 5 takes "&amp;" and braces within a tag for text.
  const safeName = (text) => text.replaceAll(/[&<>{}]/g, (character) => `&#${character.charCodeAt(0)};`);
  const blocks = cues().map(({ start, end, voice, lines }) => {
    const name = voice >= 0 ? `<v ${safeName(nameIn(voice))}>` : '';
    return `${cueTime(start, '.')} --> ${cueTime(end, '.')}\n${name}${safe(lines.join('\n'))}\n`;
  });
  return ['WEBVTT\n', ...blocks].join('\n');
}
