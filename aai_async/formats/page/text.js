// The text with the positions of its words. Each paragraph is one text node. Words are positions in it, and marks
// are ranges over it (CSS Custom Highlight API), so that 100,000 words need no elements of their own.
// A place is an index into the whole text: all paragraphs, joined by line breaks.

const $ = (id) => document.getElementById(id);

const data = JSON.parse($('data').textContent);

// The columns of the words. Corrections replace parts of them (model.js).
let starts = summed(data.starts); // in ms
let ends = starts.map((start, word) => start + data.durations[word]);
let lengths = data.lengths; // of the texts
let gaps = typeof data.gaps === 'number' ? starts.map(() => data.gaps) : data.gaps; // the number of spaces before each word
let confidence = data.confidence; // from 0 to 1, or null
let checked = starts.map(() => false); // the words that a reader has corrected or confirmed

// The columns of the paragraphs.
let paragraphs = [...document.querySelectorAll('.said')]; // their elements
let counts = data.first.map((first, paragraph) => (data.first[paragraph + 1] ?? starts.length) - first); // of words
let voices = data.turns; // the number of the speaker
let origins = [...counts.keys()]; // the number of the paragraph in the page as it was made; -1 if it was changed
let splits = counts.map(() => false); // whether a reader has begun a turn here

// What follows from the columns, see `layOut`.
let firsts; // the number of the first word of each paragraph
let bases; // the place of each paragraph, and the end of the text
let places; // of the words
let numbers; // of the paragraphs, by element
let order; // the words by time if that is another order: the channels of a recording overlap; else null
let sortedStarts;
let wholeText; // null until it is needed

function summed(differences) {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}

function layOut() {
  numbers = new Map(paragraphs.map((paragraph, number) => [paragraph, number]));
  wholeText = null;
  firsts = [];
  bases = [];
  places = [];
  let word = 0;
  let place = 0;
  paragraphs.forEach((paragraph, number) => {
    firsts.push(word);
    bases.push(place);
    for (const last = word + (counts[number] ?? 0); word < last; word++) {
      if (word > firsts[number]) place += gaps[word];
      places.push(place);
      place += lengths[word];
    }
    // A text without words is one paragraph.
    place = (counts.length ? place : paragraph.textContent.length) + 1;
  });
  bases.push(place);
  sortByTime();
}

function sortByTime() {
  const isSorted = starts.every((start, word) => !word || start >= starts[word - 1]);
  order = isSorted ? null : [...starts.keys()].sort((one, other) => starts[one] - starts[other] || one - other);
  sortedStarts = isSorted ? starts : order.map((word) => starts[word]);
}

function whole() {
  wholeText ??= paragraphs.map((paragraph, number) => paragraph.textContent.slice(0, endOf(number) - bases[number])).join('\n');
  return wholeText;
}

// The last index whose value is at most `value`; -1 if there is none.
function lastUpTo(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// The last word that begins at a time or before; -1 before the first word.
function wordUpTo(milliseconds) {
  const index = lastUpTo(sortedStarts, milliseconds);
  return index < 0 || !order ? index : order[index];
}

const wordAt = (place) => lastUpTo(places, place);
const paragraphAt = (place) => Math.min(lastUpTo(bases, place), paragraphs.length - 1);
const paragraphOf = (word) => lastUpTo(firsts, word);
const spanOf = (word) => [places[word], places[word] + lengths[word]];
const endOf = (paragraph) => bases[paragraph + 1] - 1;
const lastWordOf = (paragraph) => firsts[paragraph] + counts[paragraph] - 1;

function spanBetween(start, end) {
  const from = Math.max(wordUpTo(start), 0);
  const to = Math.max(from, wordUpTo(Math.max(end - 1, start)));
  return [spanOf(from)[0], spanOf(to)[1]];
}

// One range for each paragraph of a span, because the times and names between paragraphs are not marked.
function rangesOf([from, to]) {
  const ranges = [];
  for (let start = from; start < to; start = endOf(paragraphAt(start)) + 1) {
    ranges.push(rangeOf([start, Math.min(to, endOf(paragraphAt(start)))]));
  }
  return ranges;
}

function rangeOf([from, to]) {
  const range = new Range();
  range.setStart(...pointAt(from));
  range.setEnd(...pointAt(to));
  return range;
}

function pointAt(place) {
  const paragraph = paragraphAt(place);
  const text = paragraphs[paragraph].firstChild;
  // A paragraph that is being edited can be empty, or shorter for a moment.
  if (!text || text.nodeType !== Node.TEXT_NODE) return [paragraphs[paragraph], 0];
  return [text, Math.min(place - bases[paragraph], text.length)];
}

// The place of a point in the document; -1 outside the text.
function placeOf(node, offset) {
  const element = node && (node.closest ? node : node.parentElement);
  const paragraph = element ? numbers.get(element.closest('.said')) : undefined;
  if (paragraph === undefined) return -1;
  return Math.min(bases[paragraph] + (node === element ? (offset ? element.textContent.length : 0) : offset), endOf(paragraph));
}

// The word at a point of the screen; -1 if there is none.
function wordAtPoint(x, y) {
  let node;
  let offset;
  if (document.caretPositionFromPoint) {
    const position = document.caretPositionFromPoint(x, y);
    if (position) [node, offset] = [position.offsetNode, position.offset];
  } else if (document.caretRangeFromPoint) {
    const range = document.caretRangeFromPoint(x, y);
    if (range) [node, offset] = [range.startContainer, range.startOffset];
  }
  const place = placeOf(node, offset);
  return place < 0 ? -1 : wordAt(place);
}

function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, '0');
  const text = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return data.length < 3600000 ? text.replace(/^0:0?/, '') : text;
}

for (const paragraph of paragraphs) paragraph.normalize(); // a parser may split a very long text into several nodes
layOut();
