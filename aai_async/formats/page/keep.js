// Corrections, names and bookmarks of a transcript are kept in this browser.

const STORE = `aai-async ${data.mark}`;
const KEEP_DELAY = 500; // ms

let keepTimer = 0;
let lastKept = null; // what this tab has read from the browser's storage, or written there
let isOutdated = false; // whether another tab has written there since; then this one writes only what the reader chooses
let hasChanges = false; // since the page was opened

function keepSoon() {
  hasChanges = true;
  clearTimeout(keepTimer);
  keepTimer = setTimeout(keep, KEEP_DELAY);
}

function keep() {
  clearTimeout(keepTimer);
  keepTimer = 0;
  try {
    compareTabs();
    if (!isOutdated) write();
  } catch {
    announce('This browser cannot keep the corrections: save them as JSON');
  }
}

function write() {
  const text = isUntouched() ? null : JSON.stringify(kept());
  if (text === null) localStorage.removeItem(STORE);
  else localStorage.setItem(STORE, text);
  lastKept = text;
}

// Two tabs with one transcript do not overwrite each other: the reader chooses.
function compareTabs() {
  isOutdated = localStorage.getItem(STORE) !== lastKept;
  $('outdated').hidden = !isOutdated;
  $('keep-these').hidden = !hasChanges;
}

function keepThese() {
  lastKept = localStorage.getItem(STORE);
  keep();
}

function showOthers() {
  clearTimeout(keepTimer);
  keepTimer = 0;
  hasChanges = false;
  location.reload();
}

const isUntouched = () => !bookmarks.length && !isCorrected();
const isCorrected = () => Object.keys(names).length > 0 || checked.includes(true) || origins.length !== data.first.length || origins.includes(-1);

function kept() {
  const parts = []; // ranges of unchanged paragraphs, and changed ones
  origins.forEach((origin, paragraph) => {
    const last = parts.at(-1);
    if (origin < 0) parts.push(packed(partOf(paragraph)));
    else if (Array.isArray(last) && last[1] === origin - 1) last[1] = origin;
    else parts.push([origin, origin]);
  });
  const confirmed = [...checked.keys()].filter((word) => checked[word]);
  return { names, added: labels.slice(data.voices.length), threshold, bookmarks, confirmed, parts };
}

const packed = ({ voice, isSplit, words }) => ({
  voice,
  isSplit,
  words: words.map((word) => [word.text, word.gap, word.start, word.end, word.confidence]),
});

const unpacked = ({ voice, isSplit, words }) => ({
  voice,
  isSplit,
  origin: -1,
  words: words.map(([text, gap, start, end, sure]) => ({ text, gap, start, end, confidence: sure, isChecked: false })),
});

function restore() {
  let found = null;
  try {
    lastKept = localStorage.getItem(STORE);
    found = JSON.parse(lastKept);
  } catch { /* this browser keeps nothing for pages */ }
  if (!found) return;
  labels.push(...found.added);
  Object.assign(names, found.names);
  bookmarks = found.bookmarks;
  const edits = editsOf(found.parts);
  if (edits.length) replace(edits);
  for (const word of found.confirmed) checked[word] = true;
  setThreshold(found.threshold);
  listSpeakers();
  voices.forEach((voice, number) => { if (names[labels[voice]]) dress(number); });
}

// What was between the unchanged ranges was replaced.
function editsOf(parts) {
  const edits = [];
  let at = 0;
  let added = [];
  for (const part of [...parts, [data.first.length, data.first.length]]) {
    if (!Array.isArray(part)) {
      added.push(unpacked(part));
      continue;
    }
    if (added.length || part[0] > at) edits.push({ at, count: part[0] - at, parts: added });
    at = part[1] + 1;
    added = [];
  }
  return edits;
}

function discard() {
  if (!confirm('Discard all corrections, names and bookmarks of this transcript?')) return;
  localStorage.removeItem(STORE);
  showOthers();
}

function addKeepListeners(on) {
  on($('discard'), 'click', discard);
  on($('keep-these'), 'click', keepThese);
  on($('show-others'), 'click', showOthers);
  on(window, 'storage', ({ key }) => { if (key === STORE || key === null) compareTabs(); });
  on(window, 'pagehide', () => { if (keepTimer) keep(); });
  on(window, 'beforeunload', (event) => { if (isOutdated && hasChanges) event.preventDefault(); });
}
