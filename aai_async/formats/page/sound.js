// The player: it keeps the position, marks the current word, and scrolls to it unless the reader has scrolled away.

const STEP = 5000; // ms
const SPEEDS = [...$('speed').options].map((option) => Number(option.value));

const audio = $('audio');
let position = 0; // ms; also without a recording
let current = -1; // the number of the current word
let isFollowing = true;
let scrollTarget = null; // the span that the page is scrolling to

const hasAudio = () => audio.hasAttribute('src') && !audio.error;
const isPlaying = () => hasAudio() && !audio.paused;
const audioTime = () => Math.round(audio.currentTime * 1000);

function play() {
  audio.play().catch(() => {}); // the event `error` reports the failure
}

function toggle() {
  if (isPlaying()) audio.pause();
  else play();
}

function seek(milliseconds, plays) {
  const wanted = Math.min(Math.max(milliseconds, 0), data.length);
  if (hasAudio()) {
    audio.currentTime = wanted / 1000;
    if (plays) play();
  }
  show(wanted);
}

function seekWord(word, plays) {
  if (word < 0 || word >= starts.length) return;
  seek(starts[word], plays);
  // If several words begin at this time, the given one becomes the current word.
  setCurrent(word);
}

function show(milliseconds) {
  position = milliseconds;
  showPosition();
  const word = wordUpTo(milliseconds);
  if (word === current || (word >= 0 && starts[word] === starts[current])) return;
  setCurrent(word);
  if (isFollowing && word >= 0 && isPlaying()) reveal(spanOf(word));
}

function setCurrent(word) {
  current = word;
  mark('now', word < 0 ? [] : [spanOf(word)]);
}

function trackPlayback() {
  if (!isPlaying()) return;
  skip();
  show(audioTime());
  requestAnimationFrame(trackPlayback);
}

// Scrolls a span to the upper third of the screen, unless it is readable where it is.
function reveal(span) {
  const turn = paragraphs[paragraphAt(span[0])].parentElement;
  if (turn.hidden) return;
  const box = turn.getBoundingClientRect();
  scrollTarget = span;
  if (box.bottom > below() && box.top < innerHeight) {
    settle(span, matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth');
    return;
  }
  // A paragraph has only an estimated height until it was on the screen once.
  turn.scrollIntoView({ behavior: 'instant' });
  requestAnimationFrame(() => requestAnimationFrame(() => { if (scrollTarget === span) settle(span, 'instant'); }));
}

function settle(span, behavior) {
  const box = rangeOf(span).getBoundingClientRect();
  const most = document.documentElement.scrollHeight - innerHeight;
  const top = Math.min(Math.max(scrollY + box.top - below() - (innerHeight - below()) / 3, 0), most);
  if (isReadable(box) || Math.abs(top - scrollY) < 1) scrollTarget = null;
  else scrollTo({ top, behavior });
}

// Paragraphs that were rendered during the scroll may have changed their height, so the target is checked again.
function onScrollEnd() {
  const span = scrollTarget;
  scrollTarget = null;
  if (span) settle(span, 'instant');
}

// Input of the reader ends automatic scrolling.
function cancelScroll() {
  scrollTarget = null;
}

const below = () => Math.max($('deck').getBoundingClientRect().bottom, 0);
const isReadable = (box) => box.top > below() + 12 && box.bottom < innerHeight - 72 - $('edit-bar').offsetHeight;

function follow(follows) {
  isFollowing = follows;
  $('follow').hidden = follows || !isPlaying();
}

function followAgain() {
  follow(true);
  if (current >= 0) reveal(spanOf(current));
}

// The page stops following when the reader scrolls away from the current word, until they scroll back to it.
function onScroll() {
  if (scrollTarget || !isPlaying() || current < 0) return;
  follow(isReadable(rangeOf(spanOf(current)).getBoundingClientRect()));
}

function changeSpeed(by) {
  const index = SPEEDS.indexOf(audio.playbackRate) + by;
  if (!hasAudio() || index < 0 || index >= SPEEDS.length) return;
  $('speed').value = String(SPEEDS[index]);
  applySpeed();
}

function applySpeed() {
  // `defaultPlaybackRate` applies to a recording that is opened later.
  audio.defaultPlaybackRate = audio.playbackRate = Number($('speed').value);
}

function openFile(file) {
  audio.src = URL.createObjectURL(file);
  audio.currentTime = position / 1000;
  showControls();
}

function showControls() {
  $('open').hidden = $('lack').hidden = hasAudio();
  $('play').hidden = $('speed').hidden = !hasAudio();
  document.body.classList.toggle('has-audio', hasAudio());
}

function onAudioError() {
  // Data of the page and an opened file are there, so only their format can be the reason.
  $('why').textContent = /^(data|blob):/.test(audio.src)
    ? 'This browser does not play the format of the recording. Open a copy in another one, such as MP3 or MP4.'
    : 'The recording of this page cannot be played. It is not at its address, or this browser does not play its format.';
  showControls();
}

function showState() {
  $('play').setAttribute('aria-label', isPlaying() ? 'Pause' : 'Play');
  document.body.classList.toggle('is-playing', isPlaying());
  follow(isFollowing);
}
