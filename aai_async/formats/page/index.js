// Searches the text of all transcripts: without regard to case and accents, as a phrase.

const transcripts = JSON.parse(document.getElementById('data').textContent);
const field = document.getElementById('search');
const list = document.getElementById('list');
const matches = document.getElementById('matches');
const found = document.getElementById('found');

const MOST = 200; // matches that are shown
const AROUND = 80; // characters of context on each side
const DELAY = 120; // ms after the last key

let folded = null; // the folded paragraphs of each transcript, made at the first search
let timer = 0;

const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

function made(name, text = '', attributes = {}) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(text);
  return element;
}

function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

// Folding changes the length of a text, so the place of a match is found character by character.
function placeOf(text, start, end) {
  let length = 0;
  let [first, last] = [text.length, text.length];
  let at = 0;
  for (const character of text) {
    if (length >= end) { last = at; break; }
    if (first === text.length && length + fold(character).length > start) first = at;
    length += fold(character).length;
    at += character.length;
  }
  return [first, last];
}

function matchOf(link, [start, speaker, text], from, length) {
  const [first, last] = placeOf(text, from, from + length);
  const begin = Math.max(first - AROUND, 0);
  const isPage = /\.html$/.test(link);
  const item = made('a', '', { href: isPage ? `${link}#t=${start / 1000}` : link });
  item.append(made('time', clock(start)));
  if (speaker) item.append(made('b', `${speaker}: `));
  const said = made('span', (begin ? '…' : '') + text.slice(begin, first), { dir: 'auto' });
  said.append(made('mark', text.slice(first, last)), text.slice(last, last + AROUND));
  if (last + AROUND < text.length) said.append('…');
  item.append(said);
  const line = made('li');
  line.append(item);
  return line;
}

function search(wanted) {
  folded ??= transcripts.map(([, , paragraphs]) => paragraphs.map((one) => fold(one[2])));
  let [total, inside] = [0, 0];
  const parts = [];
  transcripts.forEach(([title, link, paragraphs], number) => {
    const lines = [];
    let count = 0;
    folded[number].forEach((text, at) => {
      for (let from = text.indexOf(wanted); from >= 0; from = text.indexOf(wanted, from + wanted.length)) {
        count += 1;
        if (total + count <= MOST) lines.push(matchOf(link, paragraphs[at], from, wanted.length));
      }
    });
    total += count;
    inside += count > 0;
    if (lines.length) {
      const heading = made('h2');
      heading.append(made('a', title, { href: link, dir: 'auto' }), ` (${count})`);
      const ordered = made('ol');
      ordered.append(...lines);
      parts.push(heading, ordered);
    }
  });
  matches.replaceChildren(...parts);
  const more = total > MOST ? `, the first ${MOST} are shown` : '';
  found.textContent = `${total} found in ${inside} of ${transcripts.length}${more}`;
}

function show() {
  const wanted = fold(field.value.trim());
  list.hidden = wanted !== '';
  matches.hidden = wanted === '';
  if (wanted) search(wanted);
  else found.textContent = '';
}

field.addEventListener('input', () => {
  clearTimeout(timer);
  timer = setTimeout(show, DELAY);
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target === field || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
});
show(); // the browser keeps the text of the field when the page is opened again
