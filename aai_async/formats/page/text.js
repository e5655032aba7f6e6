// The text with the positions of its words. Each paragraph is one text node. Words are positions in it, and marks
// are ranges over it (CSS Custom Highlight API), so that 100,000 words need no elements of their own.
// A place is an index into `whole`: all paragraphs, joined by line breaks.

const $ = (id) => document.getElementById(id);

const data = JSON.parse($('data').textContent);
const paragraphs = [...document.querySelectorAll('.said')];
const numbers = new Map(paragraphs.map((paragraph, number) => [paragraph, number]));
const whole = paragraphs.map(textOf).join('\n');
const bases = placesOfParagraphs();
const starts = summed(data.starts); // of the words, in ms
const places = placesOfWords();

// The channels of a recording overlap, so the order of words in the text is not the order of their times.
const order = [...starts.keys()].sort((one, other) => starts[one] - starts[other] || one - other);
const sortedStarts = order.map((word) => starts[word]);

function textOf(paragraph) {
  paragraph.normalize(); // a parser may split a very long text into several nodes
  return paragraph.textContent;
}

function placesOfParagraphs() {
  let place = 0;
  return paragraphs.map((paragraph) => {
    const base = place;
    place += paragraph.textContent.length + 1;
    return base;
  });
}

function summed(differences) {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}

function placesOfWords() {
  let paragraph = -1;
  let place = 0;
  return data.lengths.map((length, word) => {
    if (word === data.first[paragraph + 1]) place = bases[++paragraph];
    else place += data.gaps[word] ?? data.gaps; // a single number if all are the same
    const found = place;
    place += length;
    return found;
  });
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
  return index < 0 ? -1 : order[index];
}

const wordAt = (place) => lastUpTo(places, place);
const paragraphAt = (place) => lastUpTo(bases, place);
const paragraphOf = (word) => lastUpTo(data.first, word);
const spanOf = (word) => [places[word], places[word] + data.lengths[word]];
const endOf = (paragraph) => bases[paragraph] + paragraphs[paragraph].textContent.length;

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
  const node = paragraphs[paragraph];
  return [node.firstChild || node, place - bases[paragraph]];
}

// The place of a point in the document; -1 outside the text.
function placeOf(node, offset) {
  const element = node && (node.closest ? node : node.parentElement);
  const paragraph = element ? numbers.get(element.closest('.said')) : undefined;
  if (paragraph === undefined) return -1;
  return bases[paragraph] + (node === element ? (offset ? element.textContent.length : 0) : offset);
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

const speakerOf = (paragraph) => (data.turns[paragraph] ? data.voices[data.turns[paragraph][1]] || '' : '');
