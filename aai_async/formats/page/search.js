// Search: any spaces and punctuation between words match, and case and accents are ignored.

const BETWEEN = '[\\s\\p{P}]+';
const CONTEXT = 40; // characters before and after a match in the list
const MAX_LISTED = 300; // matches
const ACCENTS = '[\\u0300-\\u036f]*';

let found = []; // the spans of the matches
let chosen = -1; // the index of the current match
let searchTimer = 0; // after a correction
let variants; // by plain character, a pattern of its accented forms

function search(wanted, reveals = true) {
  const pattern = patternOf(wanted.trim());
  const matches = pattern ? [...whole().matchAll(pattern)] : [];
  found = matches.map((match) => [match.index, match.index + match[0].length]);
  if (hidden.size) found = found.filter(([place]) => isShown(paragraphAt(place)));
  layers.found.spans = found;
  paint(['found']);
  drawLanes();
  if (reveals) choose(found.length ? firstOnScreen() : -1);
}

// After a correction; a reader who types is not led away.
function searchSoon() {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => {
    search($('search').value, false);
    chosen = Math.min(chosen, found.length - 1);
    mark('found-now', chosen < 0 ? [] : [found[chosen]]);
  }, 300);
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
  const first = numbersNear().sort((one, other) => one - other).find((number) => paragraphs[number].getBoundingClientRect().bottom > below());
  const index = found.findIndex(([place]) => place >= bases[first || 0]);
  return Math.max(index, 0);
}

function choose(index) {
  chosen = index;
  mark('found-now', index < 0 ? [] : [found[index]]);
  const hasQuery = Boolean($('search').value.trim());
  $('count').textContent = index >= 0 ? `${(index + 1).toLocaleString('en')} of ${found.length.toLocaleString('en')}` : hasQuery ? 'none' : '';
  $('next').disabled = $('previous').disabled = $('matches-button').disabled = index < 0;
  if ($('matches').matches(':popover-open')) showChosen();
  if (index < 0) return;
  follow(false);
  reveal(found[index]);
}

// The list of the matches, each with its time, its speaker and the text around it.
function listMatches() {
  $('matches-list').replaceChildren(...found.slice(0, MAX_LISTED).map(matchItem));
  const more = found.length - MAX_LISTED;
  $('matches-more').textContent = more > 0 ? `and ${more.toLocaleString('en')} more` : '';
  showChosen();
}

function matchItem([from, to], index) {
  const paragraph = paragraphAt(from);
  const word = wordAt(from);
  const around = whole();
  const start = Math.max(from - CONTEXT, bases[paragraph]);
  const end = Math.min(to + CONTEXT, endOf(paragraphAt(to)));
  const text = made('span', { dir: 'auto' }, around.slice(start, from), made('mark', {}, around.slice(from, to)), around.slice(to, end));
  const source = [word < 0 ? '' : clock(starts[word]), speakerOf(paragraph)].filter(Boolean).join(' · ');
  const button = made('button', { type: 'button' }, made('span', { className: 'aside' }, source), ' ', text);
  button.addEventListener('click', () => choose(index));
  return made('li', {}, button);
}

function showChosen() {
  const items = [...$('matches-list').children];
  items.forEach((item, index) => item.firstChild.setAttribute('aria-current', String(index === chosen)));
  items[chosen]?.scrollIntoView({ block: 'nearest' });
}

function step(by) {
  if (found.length) choose((chosen + by + found.length) % found.length);
}

function endSearch() {
  $('search').value = '';
  search('');
}
