// The speakers: their names, which of them are shown, and their turns.

const COLOURS = 8; // the number of speaker colours in page.css
const UNSEEN = /^[\p{Cc}\p{Cf}\p{Cs}\p{Me}\p{Mn}\p{Z}\u115f\u1160\u2800\u3164\uffa0]*$/u; // as `is_blank` in aai_async/_language/scripts.py
const LABEL = /^([A-Za-z]|[A-Z]{2}|[0-9]+[A-Z]?)$/; // the labels of the service; other texts are names

const labels = [...data.voices]; // in the order of their first words, which is that of their numbers
const names = Object.create(null); // by label: the names that the reader has given
const hidden = new Set(); // the numbers of the speakers that are neither shown nor played
let menuVoice = 0; // the speaker of the open menu
let menuParagraph = -1; // its paragraph, if the menu was opened there

const speakerIn = (voice) => names[labels[voice]] ?? labels[voice] ?? '';

function nameIn(voice) {
  const name = speakerIn(voice); // empty if there is none
  return LABEL.test(name) ? `Speaker ${name}` : name;
}

// The direction that a text decides by its first character with one; null if there is none.
function isRightToLeft(text) {
  const [first] = text.match(/\p{L}/u) ?? [];
  return first ? /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(first) : null;
}

// A name before a text, isolated if it would decide the direction of the line.
function nameBefore(voice, text) {
  const directions = [isRightToLeft(nameIn(voice)), isRightToLeft(text)];
  return directions.includes(null) || directions[0] === directions[1] ? nameIn(voice) : `\u2068${nameIn(voice)}\u2069`;
}

const speakerOf = (paragraph) => nameIn(voices[paragraph]); // empty if it is not known
const isShown = (paragraph) => !hidden.has(voices[paragraph]);

function rename(voice, name) {
  const before = names[labels[voice]];
  if (name && name !== labels[voice]) names[labels[voice]] = name;
  else delete names[labels[voice]];
  listSpeakers();
  for (const [number, other] of voices.entries()) if (other === voice) dress(number);
  showPosition();
  return () => rename(voice, before);
}

function addSpeaker() {
  let label = 'A';
  while (labels.includes(label)) label = nextLabel(label);
  labels.push(label);
  listSpeakers();
  return labels.length - 1;
}

const nextLabel = (label) => (label === 'Z' ? 'AA' : label.slice(0, -1) + String.fromCharCode(label.charCodeAt(label.length - 1) + 1));

// The list above the text, with a button for each speaker.
function listSpeakers() {
  const time = labels.map(() => 0);
  voices.forEach((voice, paragraph) => {
    if (voice >= 0 && counts[paragraph]) time[voice] += Math.max(ends[lastWordOf(paragraph)] - starts[firsts[paragraph]], 0);
  });
  const total = time.reduce((sum, one) => sum + one, 0) || 1;
  const list = document.querySelector('.voices') ?? newList();
  list.replaceChildren(...labels.map((_, voice) => speakerItem(voice, Math.round((100 * time[voice]) / total))));
  showFilter();
}

// For a transcript without speakers, to which the reader adds some.
function newList() {
  const list = made('ul', { className: 'voices', ariaLabel: 'Speakers' });
  if (labels.length) document.querySelector('.facts').after(list);
  return list;
}

function speakerItem(voice, share) {
  const item = document.createElement('li');
  item.className = `k${voice % COLOURS}${hidden.has(voice) ? ' is-off' : ''}`;
  const button = made('button', { type: 'button', className: 'speaker' }, made('i'), made('bdi', {}, nameIn(voice)));
  button.dataset.voice = String(voice);
  button.setAttribute('aria-haspopup', 'dialog');
  item.append(button, ' ', made('span', { className: 'aside' }, `${share}%`));
  return item;
}

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Shows the speaker, the time and the colour of a paragraph; the name only where the speaker changes.
function dress(number) {
  const section = paragraphs[number].parentElement;
  const voice = voices[number];
  const isFirst = !section.previousElementSibling?.matches('.turn') || voices[number - 1] !== voice;
  const hasName = voice >= 0 && isFirst;
  const time = section.querySelector('.when');
  if (counts[number]) {
    time.href = `#t=${starts[firsts[number]] / 1000}`;
    time.textContent = clock(starts[firsts[number]]);
  }
  let who = section.querySelector('.who');
  section.className = voice >= 0 ? `turn k${voice % COLOURS}` : 'turn';
  section.hidden = !isShown(number);
  if (who && !hasName) who.remove();
  if (!hasName) return;
  if (!who) section.insertBefore(who = made('p', { className: 'who' }, made('bdi')), paragraphs[number]);
  who.firstChild.textContent = nameIn(voice);
}

function showOnly(shown) {
  hidden.clear();
  labels.forEach((_, voice) => { if (!shown(voice)) hidden.add(voice); });
  paragraphs.forEach((paragraph, number) => { paragraph.parentElement.hidden = !isShown(number); });
  $('speaker').hidePopover();
  forgetSkips();
  listSpeakers();
  drawLanes();
  if ($('search').value) search($('search').value);
}

const only = (voice) => showOnly((other) => other === voice);
const everybody = () => showOnly(() => true);
const toggleSpeaker = (voice) => showOnly((other) => (other === voice) === hidden.has(other));

function showFilter() {
  $('filter').hidden = !hidden.size;
  const shown = [...labels.keys()].filter((voice) => !hidden.has(voice)).map(nameIn).join(', ');
  $('filtered').textContent = shown ? `Only ${shown}.` : 'No speaker is shown.';
}

// The first paragraph of another turn of a speaker, before or after a paragraph; -1 if there is none.
function turnOf(voice, paragraph, by) {
  const isStart = (at) => voices[at] === voice && counts[at] && (voices[at - 1] !== voice || splits[at]);
  let at = paragraph + by;
  while (at >= 0 && at < counts.length && !isStart(at)) at += by;
  return at >= 0 && at < counts.length ? at : -1;
}

// The first paragraph of the next or previous turn of anybody who is shown.
function turnBeside(paragraph, by) {
  const isStart = (at) => counts[at] && isShown(at) && (at === 0 || voices[at - 1] !== voices[at] || splits[at]);
  let at = paragraph + by;
  while (at >= 0 && at < counts.length && !isStart(at)) at += by;
  return at >= 0 && at < counts.length ? at : -1;
}

function goToParagraph(paragraph, plays = false) {
  if (paragraph < 0) return;
  seekWord(firsts[paragraph], plays);
  reveal(spanOf(firsts[paragraph]));
}

const here = () => (current < 0 ? -1 : paragraphOf(current));
const stepTurn = (by) => goToParagraph(turnBeside(here(), by), isPlaying());

function stepSpeaker(by, voice = voices[here()]) {
  if (voice === undefined) return;
  const next = turnOf(voice, here(), by);
  if (next < 0) announce(`${nameIn(voice)} has no ${by > 0 ? 'later' : 'earlier'} turn`);
  goToParagraph(next, isPlaying());
}

function openSpeaker(voice, paragraph, anchor) {
  menuVoice = voice;
  menuParagraph = paragraph;
  $('speaker-name').value = names[labels[voice]] ?? '';
  $('speaker-name').placeholder = nameIn(voice);
  $('speaker-hide').textContent = hidden.has(voice) ? 'Show' : 'Hide';
  $('speaker-hide').disabled = $('speaker-only').disabled = labels.length < 2;
  $('turn-speaker').hidden = paragraph < 0 || !isEditing;
  $('speaker-name').parentElement.hidden = $('speaker-choices').hidden = voice < 0;
  const choices = labels.map((_, other) => made('option', { value: other }, nameIn(other)));
  if (voice < 0) choices.unshift(made('option', { value: -1 }, 'Not known'));
  $('turn-voice').replaceChildren(...choices, made('option', { value: '' }, 'Another speaker'));
  $('turn-voice').value = String(voice);
  $('speaker').showPopover();
  const box = anchor.getBoundingClientRect();
  placeAt($('speaker'), box.left, box.bottom + 4);
  $(voice < 0 ? 'turn-voice' : 'speaker-name').focus();
}

function placeAt(element, x, y) {
  element.style.left = `${Math.max(Math.min(x, innerWidth - element.offsetWidth - 8), 8)}px`;
  element.style.top = `${Math.max(Math.min(y, innerHeight - element.offsetHeight - 8), 8)}px`;
}

function onSpeakerClick(target) {
  const button = target.closest('.speaker');
  const name = target.closest('.who bdi');
  if (button) openSpeaker(Number(button.dataset.voice), -1, button);
  else if (name) {
    const paragraph = numbers.get(name.closest('.turn').querySelector('.said'));
    openSpeaker(voices[paragraph], paragraph, name);
  }
  return button || name;
}

function addSpeakerListeners(on) {
  const commit = () => {
    const written = $('speaker-name').value.trim().replace(/\s+/g, ' ');
    const name = UNSEEN.test(written) ? '' : written; // a name that cannot be seen is none
    if (name !== (names[labels[menuVoice]] ?? '')) perform(() => rename(menuVoice, name));
  };
  on($('speaker-name'), 'change', commit);
  on($('speaker-name'), 'keydown', (event) => {
    if (event.key === 'Escape') event.target.value = names[labels[menuVoice]] ?? '';
    if (event.key !== 'Enter') return;
    event.preventDefault(); // else the key would press the button that is focused now
    commit();
    $('speaker').hidePopover();
    // The button that has opened the menu was replaced.
    document.querySelector(`.speaker[data-voice="${menuVoice}"]`)?.focus();
  });
  on($('speaker-only'), 'click', () => only(menuVoice));
  on($('speaker-hide'), 'click', () => toggleSpeaker(menuVoice));
  on($('speaker-next'), 'click', () => stepSpeaker(1, menuVoice));
  on($('speaker-previous'), 'click', () => stepSpeaker(-1, menuVoice));
  on($('all'), 'click', everybody);
}
