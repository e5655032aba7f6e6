// Listening: pauses and hidden speakers are skipped, a pause goes back a little, and moments are bookmarked.

const PAUSE = 1000; // ms of silence that are skipped
const MARGIN = 250; // ms that are still played at the ends of a pause
const REWIND = 2000; // ms

let skips = null; // the spans of time that are not played, in order; null until they are needed
let bookmarks = []; // in ms

function forgetSkips() {
  skips = null;
}

// The pauses between the words of the speakers who are shown.
function spansToSkip() {
  const shown = order ?? [...starts.keys()];
  const spans = [];
  let end = 0;
  for (const word of hidden.size ? shown.filter((one) => isShown(paragraphOf(one))) : shown) {
    if (starts[word] - end > PAUSE) spans.push([end + MARGIN, starts[word] - MARGIN]);
    end = Math.max(end, ends[word]);
  }
  if (hidden.size && data.length - end > PAUSE) spans.push([end + MARGIN, data.length]);
  return spans;
}

function skip() {
  if (!hidden.size && !$('skip-silence').checked) return;
  skips ??= spansToSkip();
  const time = audioTime();
  const index = lastUpTo(skips.map(([start]) => start), time);
  if (index < 0 || time >= skips[index][1] - 20) return;
  audio.currentTime = skips[index][1] / 1000;
}

function rewind() {
  if ($('rewind').checked && hasAudio() && !audio.ended) audio.currentTime = Math.max(audio.currentTime - REWIND / 1000, 0);
}

function bookmark() {
  const time = Math.round(position);
  if (!bookmarks.includes(time)) bookmarks = [...bookmarks, time].sort((one, other) => one - other);
  announce(`Bookmark at ${clock(time)}`);
  showBookmarks();
  keepSoon();
}

function showBookmarks() {
  $('bookmarks-list').replaceChildren(...bookmarks.map(bookmarkItem));
  $('bookmarks-none').hidden = bookmarks.length > 0;
  drawLanes();
}

function bookmarkItem(time) {
  const word = wordUpTo(time);
  const text = word < 0 ? '' : `${whole().slice(places[word], places[word] + 60).split('\n')[0]} …`;
  const link = made('a', { className: 'when', href: `#t=${time / 1000}` }, clock(time));
  const button = made('button', { type: 'button', ariaLabel: `Remove the bookmark at ${clock(time)}` }, '×');
  button.addEventListener('click', () => {
    bookmarks = bookmarks.filter((other) => other !== time);
    showBookmarks();
    keepSoon();
  });
  return made('li', {}, link, ' ', made('span', { dir: 'auto' }, text), ' ', button);
}

function addListenListeners(on) {
  on($('back'), 'click', () => seekAndShow(position - 2 * STEP));
  on($('forward'), 'click', () => seekAndShow(position + 2 * STEP));
  on($('turn-before'), 'click', () => stepTurn(-1));
  on($('turn-after'), 'click', () => stepTurn(1));
  on($('bookmark'), 'click', bookmark);
  on(audio, 'pause', rewind);
}
