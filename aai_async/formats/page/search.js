// Search: any spaces and punctuation between words match, and case and accents are ignored.

const BETWEEN = '[\\s\\p{P}]+';
const ACCENTS = '[\\u0300-\\u036f]*';

let found = []; // the spans of the matches
let chosen = -1; // the index of the current match
let variants; // by plain character, a pattern of its accented forms

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
  // A query of punctuation only, such as a question mark, is searched for literally.
  const source = words.length ? words.map(withAccents).join(BETWEEN) : literal(wanted);
  return source ? new RegExp(source, 'giu') : null;
}

const literal = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function withAccents(word) {
  variants = variants || accented();
  return [...word.normalize('NFC')].map((character) => `${variants.get(character.toLowerCase()) || literal(character)}${ACCENTS}`).join('');
}

// "e" also matches "é", but "é" matches only itself.
function accented() {
  const forms = new Map();
  for (let code = 0xc0; code < 0x2000; code = code === 0x4ff ? 0x1e00 : code + 1) {
    const character = String.fromCharCode(code);
    const plain = character.normalize('NFD')[0].toLowerCase();
    if (plain !== character.toLowerCase()) forms.set(plain, (forms.get(plain) || literal(plain)) + character);
  }
  return new Map([...forms].map(([plain, all]) => [plain, `[${all}]`]));
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
  const hasQuery = Boolean($('search').value.trim());
  $('count').textContent = index >= 0 ? `${(index + 1).toLocaleString('en')} of ${found.length.toLocaleString('en')}` : hasQuery ? 'none' : '';
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
