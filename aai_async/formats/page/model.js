// Corrections: each is an action that returns its inverse, so that it can be undone.
// A part is the content of a paragraph: { voice, isSplit, origin, words: [{ text, gap, start, end, confidence, isChecked }] }.

const undone = [];
const done = [];

let texts = null; // of the words; null until the first correction

function wordTexts() {
  texts ??= places.map((place, word) => whole().slice(place, place + lengths[word]));
  return texts;
}

function perform(action) {
  done.push(action());
  undone.length = 0;
  afterChange();
}

function undo(from = done, to = undone) {
  const inverse = from.pop();
  if (!inverse) return;
  to.push(inverse());
  afterChange();
}

const redo = () => undo(undone, done);

function partOf(paragraph) {
  const words = [];
  for (let word = firsts[paragraph]; word < firsts[paragraph] + counts[paragraph]; word++) {
    words.push({ text: wordTexts()[word], gap: gaps[word], start: starts[word], end: ends[word], confidence: confidence[word], isChecked: checked[word] });
  }
  return { voice: voices[paragraph], isSplit: splits[paragraph], origin: origins[paragraph], words };
}

const partsOf = (at, count) => Array.from({ length: count }, (_, index) => partOf(at + index));

// Replaces paragraphs by others. `keepsText` leaves the text on the screen alone, because the reader types there.
const change = (at, count, parts, keepsText = false) => () => {
  const removed = partsOf(at, count);
  replace([{ at, count, parts }], keepsText);
  return change(at, parts.length, removed);
};

const check = (word, isChecked) => () => {
  const before = checked[word];
  checked[word] = isChecked;
  return check(word, before);
};

// Replaces several groups of paragraphs, in order.
function replace(edits, keepsText = false) {
  wordTexts();
  const inWords = edits.map(({ at, count, parts }) => [firsts[at] ?? starts.length, firsts[at + count] ?? starts.length, parts.flatMap((part) => part.words)]);
  const inParagraphs = edits.map(({ at, count, parts }) => [at, at + count, parts]);
  starts = spliced(starts, inWords, (word) => word.start);
  ends = spliced(ends, inWords, (word) => word.end);
  lengths = spliced(lengths, inWords, (word) => word.text.length);
  gaps = spliced(gaps, inWords, (word) => word.gap);
  confidence = spliced(confidence, inWords, (word) => word.confidence);
  checked = spliced(checked, inWords, (word) => word.isChecked);
  texts = spliced(texts, inWords, (word) => word.text);
  counts = spliced(counts, inParagraphs, (part) => part.words.length);
  voices = spliced(voices, inParagraphs, (part) => part.voice);
  origins = spliced(origins, inParagraphs, (part) => part.origin);
  splits = spliced(splits, inParagraphs, (part) => part.isSplit);
  if (keepsText) layOut();
  else showParts(edits);
}

// A column with other values in some of its ranges.
function spliced(column, edits, valueOf) {
  const pieces = [];
  let last = 0;
  for (const [from, to, added] of edits) {
    pieces.push(column.slice(last, from), added.map(valueOf));
    last = to;
  }
  pieces.push(column.slice(last));
  return [].concat(...pieces);
}

const textOfWords = (words) => words.map(({ gap, text }, at) => (at ? ' '.repeat(gap) + text : text)).join('');

// Puts paragraphs on the screen: elements are kept as far as there are any.
function showParts(edits) {
  const elements = [];
  const touched = [];
  let last = 0;
  for (const { at, count, parts } of edits) {
    elements.push(...paragraphs.slice(last, at));
    const old = paragraphs.slice(at, at + count);
    parts.forEach((part, index) => {
      const paragraph = old[index] ?? newParagraph(elements.at(-1));
      const text = textOfWords(part.words);
      if (paragraph.textContent !== text) showText(paragraph, text);
      elements.push(paragraph);
      touched.push(paragraph);
    });
    old.slice(parts.length).forEach(removeParagraph);
    last = at + count;
    if (paragraphs[last]) touched.push(paragraphs[last]);
  }
  paragraphs = elements.concat(paragraphs.slice(last));
  layOut();
  for (const paragraph of touched) dress(numbers.get(paragraph));
}

// The cursor of a paragraph that is being edited goes to its end.
function showText(paragraph, text) {
  paragraph.textContent = text;
  if (paragraph === document.activeElement) getSelection().collapse(paragraph, paragraph.childNodes.length);
}

function newParagraph(before) {
  const paragraph = made('p', { className: 'said', dir: 'auto' });
  const section = made('section', { className: 'turn' }, made('a', { className: 'when' }), paragraph);
  if (before) before.parentElement.after(section);
  else document.querySelector('.turns').prepend(section);
  watcher?.observe(paragraph);
  return paragraph;
}

function removeParagraph(paragraph) {
  watcher?.unobserve(paragraph);
  near.delete(paragraph);
  paragraph.parentElement.remove();
}

function afterChange() {
  forgetSkips();
  findMarks();
  paint();
  listSpeakers();
  drawLanes();
  setCurrent(wordUpTo(position));
  showProgress();
  keepSoon();
  if ($('search').value) searchSoon();
}
