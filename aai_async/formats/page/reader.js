// The handlers of the reader's input, and the start of the page.

const MAX_CHAPTERS = 6; // that are shown open above the text

let playsAtHash = false; // a click on a time plays, but opening a URL with a time does not

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
  x: confirmWord,
  '[': () => stepSpeaker(-1),
  ']': () => stepSpeaker(1),
  e: () => { if (starts.length) setEditing(!isEditing); },
  b: bookmark,
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

const timelineEnds = { Home: 0, End: data.length };

function onKey(event) {
  const isCommand = event.ctrlKey || event.metaKey;
  if ($('help').open || event.altKey) return;
  if (isCommand) onCommand(event);
  else if (event.target.closest('.said[contenteditable]')) onTypingKey(event);
  else if (event.target === $('search')) onSearchKey(event);
  else if (event.target === $('lanes') && timelineEnds[event.key] !== undefined) {
    event.preventDefault();
    seekAndShow(timelineEnds[event.key]);
  } else if (keys[event.key] && !isUsedElsewhere(event)) {
    event.preventDefault();
    keys[event.key]();
  }
}

function onCommand(event) {
  const isField = event.target.matches('input');
  const isTyping = event.target.closest('.said[contenteditable]');
  const action = { z: isField ? null : event.shiftKey ? redo : () => undo(), y: isField ? null : redo, enter: isTyping ? toggle : null }[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  typing = null;
  action();
}

function onTypingKey(event) {
  if (event.key === 'Escape') event.target.blur();
}

function onSearchKey(event) {
  if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
  if (event.key !== 'Escape') return;
  event.preventDefault(); // the browser would clear the field
  $('search').blur();
}

// Whether the focused element or the browser uses a key itself: for example, Space scrolls if nothing can be played.
function isUsedElsewhere({ key, target }) {
  if (target.matches('#speaker-name')) return true;
  if (key === 'Escape') return !found.length;
  if (key.length === 1 && key !== ' ' && !$('shortcuts').checked) return true;
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
  const text = confidenceText(word);
  announce(`${whole().slice(...spanOf(word))}, ${text}`);
  const box = rangeOf(spanOf(word)).getBoundingClientRect();
  showTip(text, box.left, box.bottom);
}

function stepParagraph(by) {
  let next = Math.min(Math.max(here() + by, 0), firsts.length - 1);
  while (counts[next] === 0 || (next > 0 && next < firsts.length - 1 && !isShown(next))) next += by;
  if (next >= 0 && counts[next]) goToParagraph(next);
}

function confidenceText(word) {
  const sure = checked[word] ? 'checked' : confidence[word] === null ? '' : `${sureness(word)} % sure`;
  return [sure, clock(starts[word])].filter(Boolean).join(' · ');
}

function showTip(text, x, y) {
  $('tip').textContent = text;
  $('tip').hidden = false;
  $('tip').style.left = `${Math.max(Math.min(x, innerWidth - $('tip').offsetWidth - 8), 8)}px`;
  $('tip').style.top = `${y + 6}px`;
}

function hideTip() {
  $('tip').hidden = true;
}

function announce(text) {
  $('announcement').textContent = text;
}

// Shows the confidence of a marked word under the pointer.
function showConfidenceAtPointer(event) {
  if (event.target.closest('.lanes')) return;
  const word = layers.unsure.isOn && event.target.closest('.said') ? wordAtPoint(event.clientX, event.clientY) : -1;
  if (word < 0 || !isUnsure(word)) hideTip();
  else showTip(confidenceText(word), event.clientX + 8, event.clientY + 12);
}

function onClick(event) {
  const link = event.target.closest('a.when');
  if (link) onTime(link);
  if (onSpeakerClick(event.target) || !event.target.closest('.said') || !getSelection().isCollapsed) return;
  follow(true);
  // A click into text that is corrected places the cursor, and does not start the player.
  seekWord(wordAtPoint(event.clientX, event.clientY), !isEditing);
}

function onTime(link) {
  playsAtHash = true;
  if (link.hash === location.hash) toHash(); // the browser emits no event if the hash is unchanged
}

function toHash() {
  const match = /^#t=(\d+(\.\d+)?)$/.exec(location.hash);
  if (!match) return;
  follow(true);
  seek(Number(match[1]) * 1000, playsAtHash);
  playsAtHash = false;
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

// Some browsers restore the form after a reload, so its state is applied.
function applyForm() {
  $('search').value = '';
  setThreshold(threshold);
  applySpeed();
  for (const name of Object.keys(switches)) {
    if ($(name)) turnOn(name, $(name).checked);
  }
}

// A long list of chapters stays open beside the text on a wide screen, and is folded above it on a narrow one.
function foldContents() {
  const isBeside = matchMedia('(min-width: 78rem)').matches;
  for (const part of document.querySelectorAll('.contents details[open]')) {
    part.open = isBeside || part.querySelectorAll('li').length <= MAX_CHAPTERS;
  }
}

// Sets the estimated height of paragraphs that were not rendered yet, so that the scroll bar is nearly right.
function estimateHeights() {
  if (!paragraphs.length) return;
  const style = getComputedStyle(paragraphs[0]);
  const line = parseFloat(style.lineHeight);
  const charactersPerLine = paragraphs[0].clientWidth / (parseFloat(style.fontSize) * 0.46);
  for (const paragraph of paragraphs) {
    const lines = Math.ceil(paragraph.textContent.length / charactersPerLine);
    paragraph.parentElement.style.containIntrinsicSize = `auto ${Math.round((lines + 1.6) * line)}px`;
  }
}

function addListeners() {
  const on = (target, names, act, options) => names.split(' ').forEach((name) => target.addEventListener(name, act, options));
  let waiting = 0;
  on(document, 'keydown wheel touchmove pointerdown', cancelScroll, { passive: true });
  on(document, 'keydown', onKey);
  on(document, 'click', onClick);
  addSpeakerListeners(on);
  addEditListeners(on);
  addKeepListeners(on);
  addListenListeners(on);
  addSaveListeners(on);
  on(document, 'pointermove', showConfidenceAtPointer, { passive: true });
  on(document, 'selectionchange', onSelection);
  on(document, 'scroll', () => { hideTip(); onScroll(); }, { passive: true });
  on(document, 'scrollend', onScrollEnd);
  on($('search'), 'input', () => { clearTimeout(waiting); waiting = setTimeout(() => search($('search').value), 80); });
  on($('next'), 'click', () => step(1));
  on($('previous'), 'click', () => step(-1));
  on($('play'), 'click', toggle);
  on($('speed'), 'change', applySpeed);
  on($('lanes'), 'pointerdown', onLanesDown);
  on($('lanes'), 'pointermove', onLanesMove);
  on($('lanes'), 'pointerleave', hideTip);
  on($('file'), 'change', ({ target }) => { if (target.files.length) openFile(target.files[0]); });
  on($('theme'), 'click', switchTheme);
  on($('keys'), 'click', keys['?']);
  on($('follow'), 'click', followAgain);
  on($('quote'), 'click', copyQuote);
  for (const name of ['view', 'save', 'bookmarks', 'matches']) {
    on($(name), 'beforetoggle', () => { $(name).style.top = `${below() + 4}px`; });
  }
  on($('matches'), 'beforetoggle', ({ newState }) => { if (newState === 'open') listMatches(); });
  on($('matches'), 'toggle', showChosen);
  on($('bookmarks'), 'beforetoggle', showBookmarks);
  for (const name of Object.keys(switches)) {
    if ($(name)) on($(name), 'change', ({ target }) => turnOn(name, target.checked));
  }
  on(audio, 'play', () => { follow(true); trackPlayback(); });
  on(audio, 'play pause ended', showState);
  on(audio, 'seeked', () => show(audioTime()));
  on(audio, 'error', onAudioError);
  on(window, 'hashchange', toHash);
  on(window, 'resize', drawLanes);
  on(window, 'beforeprint', () => openForPrint(true));
  on(window, 'afterprint', () => openForPrint(false));
  on(matchMedia('(prefers-color-scheme: dark)'), 'change', drawLanes);
}

function begin() {
  audio.controls = false; // replaced by those beside the timeline
  $('of').textContent = ` / ${clock(data.length)}`;
  $('lanes').setAttribute('aria-valuemax', String(Math.round(data.length / 1000)));
  addListeners();
  restore();
  listSpeakers();
  showPosition();
  showControls();
  if (audio.error) onAudioError();
  applyForm();
  foldContents();
  drawLanes(); // reads the layout, which the estimated heights change
  estimateHeights();
  observeParagraphs();
  new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty('--deck', `${target.offsetHeight}px`);
  }).observe($('deck'));
  toHash();
  document.body.classList.add('has-script');
  document.documentElement.dataset.ready = 'true';
}

begin();
