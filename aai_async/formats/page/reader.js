// What the reader does, and what becomes of it.

const FEW = 6; // chapters

let soundWanted = false; // when a time is clicked, not when an address with one is opened

const keys = {
  ' ': toggle,
  ArrowLeft: () => seekAndShow(position - STEP),
  ArrowRight: () => seekAndShow(position + STEP),
  ',': () => stepWord(wordBeside(-1)),
  '.': () => stepWord(wordBeside(1)),
  j: () => stepParagraph(1),
  k: () => stepParagraph(-1),
  u: () => stepWord(unsureWords().find((word) => word > current)),
  U: () => stepWord(unsureWords().findLast((word) => word < current)),
  '<': () => changeSpeed(-1),
  '>': () => changeSpeed(1),
  '/': () => $('search').select(),
  n: () => step(1),
  N: () => step(-1),
  c: () => turnOn('unsure', !layers.unsure.isOn),
  q: copyQuote,
  f: followAgain,
  d: switchTheme,
  '?': () => $('help').showModal(),
  Escape: endSearch,
};

const ends = { Home: 0, End: data.length }; // of the lanes

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  if (event.target === $('search')) onSearchKey(event);
  else if (event.target === $('lanes') && ends[event.key] !== undefined) {
    event.preventDefault();
    seekAndShow(ends[event.key]);
  } else if (keys[event.key] && !isTaken(event)) {
    event.preventDefault();
    keys[event.key]();
  }
}

function onSearchKey(event) {
  if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
  if (event.key !== 'Escape') return;
  event.preventDefault(); // it would empty the field
  $('search').blur();
}

// What has the focus has its own keys, and so has the page: its space scrolls where there is nothing to play.
function isTaken({ key, target }) {
  if (key === 'Escape') return !found.length;
  if (key.length === 1 && key !== ' ' && !$('listens').checked) return true;
  if (key === ' ' && !hasAudio()) return true;
  if (target.closest('select')) return true;
  return Boolean(target.closest('button, a, input, summary')) && (key === ' ' || key.startsWith('Arrow'));
}

function seekAndShow(milliseconds) {
  seek(milliseconds, false);
  if (current >= 0) reveal(spanOf(current));
}

function wordBeside(by) {
  return current < 0 ? 0 : current + by;
}

function stepWord(word = -1) {
  if (word < 0 || word >= starts.length) return;
  seekWord(word, false);
  reveal(spanOf(word));
  const text = sureness(word);
  announce(`${whole.slice(...spanOf(word))}, ${text}`);
  const box = rangeOf(spanOf(word)).getBoundingClientRect();
  tell(text, box.left, box.bottom);
}

function stepParagraph(by) {
  const here = current < 0 ? -1 : paragraphOf(current);
  const next = Math.min(Math.max(here + by, 0), data.first.length - 1);
  if (next < 0) return;
  seekWord(data.first[next], false);
  reveal(spanOf(data.first[next]));
}

function sureness(word) {
  const sure = data.confidence[word];
  return [sure === null ? '' : `${sure} % sure`, clock(starts[word])].filter(Boolean).join(' · ');
}

function tell(text, x, y) {
  $('tip').textContent = text;
  $('tip').hidden = false;
  $('tip').style.left = `${Math.max(Math.min(x, innerWidth - $('tip').offsetWidth - 8), 8)}px`;
  $('tip').style.top = `${y + 6}px`;
}

function hush() {
  $('tip').hidden = true;
}

function announce(text) {
  $('news').textContent = text;
}

// How sure a word is, for whoever points at one that is marked.
function onPoint(event) {
  if (event.target.closest('.lanes')) return;
  const word = layers.unsure.isOn && event.target.closest('.said') ? wordAtPoint(event.clientX, event.clientY) : -1;
  if (word < 0 || !isUnsure(word)) hush();
  else tell(sureness(word), event.clientX + 8, event.clientY + 12);
}

function onClick(event) {
  const link = event.target.closest('a.when');
  if (link) onTime(link);
  if (!event.target.closest('.said') || !getSelection().isCollapsed) return;
  follow(true);
  seekWord(wordAtPoint(event.clientX, event.clientY), true);
}

function onTime(link) {
  soundWanted = true;
  if (link.hash === location.hash) toHash(); // for nothing else would come of it
}

function toHash() {
  const match = /^#t=(\d+(\.\d+)?)$/.exec(location.hash);
  if (!match) return;
  follow(true);
  seek(Number(match[1]) * 1000, soundWanted);
  soundWanted = false;
  if (current >= 0) reveal(spanOf(current));
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
  drawLanes();
}

function openForPrint(isPrinted) {
  for (const part of document.querySelectorAll('.contents details')) {
    if (isPrinted) part.dataset.wasOpen = String(part.open);
    part.open = isPrinted || part.dataset.wasOpen === 'true';
  }
}

// Some browsers keep what was chosen over a reload.
function takeForm() {
  $('search').value = '';
  takeSpeed();
  for (const name of Object.keys(switches)) {
    if ($(name)) turnOn(name, $(name).checked);
  }
}

// Many chapters stand beside the text or wait to be asked for; they do not stand in front of it.
function foldContents() {
  const isBeside = matchMedia('(min-width: 78rem)').matches;
  for (const part of document.querySelectorAll('.contents details[open]')) {
    part.open = isBeside || part.querySelectorAll('li').length <= FEW;
  }
}

// How high a paragraph will be, before it is shown, so that the scroll bar tells the truth.
function estimateHeights() {
  if (!paragraphs.length) return;
  const style = getComputedStyle(paragraphs[0]);
  const line = parseFloat(style.lineHeight);
  const letters = paragraphs[0].clientWidth / (parseFloat(style.fontSize) * 0.46);
  for (const paragraph of paragraphs) {
    const lines = Math.ceil(paragraph.textContent.length / letters);
    paragraph.parentElement.style.containIntrinsicSize = `auto ${Math.round((lines + 1.6) * line)}px`;
  }
}

function listenToReader() {
  const on = (target, names, act, options) => names.split(' ').forEach((name) => target.addEventListener(name, act, options));
  let waiting = 0;
  on(document, 'keydown wheel touchmove pointerdown', letGo, { passive: true });
  on(document, 'keydown', onKey);
  on(document, 'click', onClick);
  on(document, 'pointermove', onPoint, { passive: true });
  on(document, 'selectionchange', onSelection);
  on(document, 'scroll', () => { hush(); onScroll(); }, { passive: true });
  on(document, 'scrollend', onScrollEnd);
  on($('search'), 'input', () => { clearTimeout(waiting); waiting = setTimeout(() => search($('search').value), 80); });
  on($('next'), 'click', () => step(1));
  on($('previous'), 'click', () => step(-1));
  on($('play'), 'click', toggle);
  on($('speed'), 'change', takeSpeed);
  on($('lanes'), 'pointerdown', onLanesDown);
  on($('lanes'), 'pointermove', onLanesMove);
  on($('lanes'), 'pointerleave', hush);
  on($('file'), 'change', ({ target }) => { if (target.files.length) openOwn(target.files[0]); });
  on($('theme'), 'click', switchTheme);
  on($('keys'), 'click', keys['?']);
  on($('follow'), 'click', followAgain);
  on($('quote'), 'click', copyQuote);
  on($('view'), 'beforetoggle', () => { $('view').style.top = `${below() + 4}px`; });
  for (const name of Object.keys(switches)) {
    if ($(name)) on($(name), 'change', ({ target }) => turnOn(name, target.checked));
  }
  on(audio, 'play', () => { follow(true); listen(); });
  on(audio, 'play pause ended', showState);
  on(audio, 'seeked', () => show(timeHeard()));
  on(audio, 'error', onAudioError);
  on(window, 'hashchange', toHash);
  on(window, 'resize', drawLanes);
  on(window, 'beforeprint', () => openForPrint(true));
  on(window, 'afterprint', () => openForPrint(false));
  on(matchMedia('(prefers-color-scheme: dark)'), 'change', drawLanes);
}

function begin() {
  audio.controls = false; // ours are beside the lanes
  $('of').textContent = ` / ${clock(data.length)}`;
  $('lanes').setAttribute('aria-valuemax', String(Math.round(data.length / 1000)));
  listenToReader();
  showPosition();
  showControls();
  if (audio.error) onAudioError();
  takeForm();
  foldContents();
  estimateHeights();
  watchWhatIsNear();
  new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty('--deck', `${target.offsetHeight}px`);
  }).observe($('deck'));
  drawLanes();
  toHash();
  document.documentElement.dataset.ready = 'true';
}

begin();
