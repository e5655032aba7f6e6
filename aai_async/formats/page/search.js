// Search: phrases are found whatever stands between their words, and letters without regard to case or accents.

const BETWEEN = '[\\s\\p{P}]+';
const ACCENTS = '[\\u0300-\\u036f]*';

let found = []; // spans
let chosen = -1;
let variants; // of plain letters

function search(wanted) {
  const pattern = patternOf(wanted.trim());
  found = pattern ? [...whole.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length]) : [];
  layers.found.spans = found;
  paint(['found']);
  drawLanes();
  choose(found.length ? firstOnScreen() : -1);
}

function patternOf(wanted) {
  const words = wanted.split(/[\s\p{P}]+/u).filter(Boolean);
  // Of signs alone, such as a question mark, the signs are meant.
  const source = words.length ? words.map(withAccents).join(BETWEEN) : literal(wanted);
  return source ? new RegExp(source, 'giu') : null;
}

const literal = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function withAccents(word) {
  variants = variants || accented();
  return [...word.normalize('NFC')].map((letter) => `${variants.get(letter.toLowerCase()) || literal(letter)}${ACCENTS}`).join('');
}

// "e" also finds "é"; who writes "é" means it.
function accented() {
  const letters = new Map();
  for (let code = 0xc0; code < 0x2000; code = code === 0x4ff ? 0x1e00 : code + 1) {
    const letter = String.fromCharCode(code);
    const plain = letter.normalize('NFD')[0].toLowerCase();
    if (plain !== letter.toLowerCase()) letters.set(plain, (letters.get(plain) || literal(plain)) + letter);
  }
  return new Map([...letters].map(([plain, all]) => [plain, `[${all}]`]));
}

function firstOnScreen() {
  const numbersNear = [...near].sort((one, other) => one - other);
  const first = numbersNear.find((number) => paragraphs[number].getBoundingClientRect().bottom > below());
  const index = found.findIndex(([place]) => place >= bases[first || 0]);
  return Math.max(index, 0);
}

function choose(index) {
  chosen = index;
  mark('found-now', index < 0 ? [] : [found[index]]);
  const isAsked = Boolean($('search').value.trim());
  $('count').textContent = index >= 0 ? `${(index + 1).toLocaleString('en')} of ${found.length.toLocaleString('en')}` : isAsked ? 'none' : '';
  $('next').disabled = $('previous').disabled = index < 0;
  if (index < 0) return;
  follow(false);
  reveal(found[index]);
}

function step(by) {
  if (found.length) choose((chosen + by + found.length) % found.length);
}

function endSearch() {
  $('search').value = '';
  search('');
}
