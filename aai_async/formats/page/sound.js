// The player: it knows the time, marks the word that is said, and keeps it in view unless the reader looks elsewhere.

const STEP = 5000; // ms
const SPEEDS = [...$('speed').options].map((option) => Number(option.value));

const audio = $('audio');
let position = 0; // ms; also where there is nothing to hear
let current = -1; // the word
let isFollowing = true;
let aim = null; // the place that we are scrolling to

const hasAudio = () => audio.hasAttribute('src') && !audio.error;
const isPlaying = () => hasAudio() && !audio.paused;
const timeHeard = () => Math.round(audio.currentTime * 1000);

function play() {
  audio.play().catch(() => {}); // the error is told by its event
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
  // Of words that begin at once, the one that is meant.
  take(word);
}

function show(milliseconds) {
  position = milliseconds;
  showPosition();
  const word = wordUpTo(milliseconds);
  if (word === current || (word >= 0 && starts[word] === starts[current])) return;
  take(word);
  if (isFollowing && word >= 0 && isPlaying()) reveal(spanOf(word));
}

function take(word) {
  current = word;
  mark('now', word < 0 ? [] : [spanOf(word)]);
}

function listen() {
  if (!isPlaying()) return;
  show(timeHeard());
  requestAnimationFrame(listen);
}

// A place in the text is brought to the upper third of the screen, unless it can be read well where it is.
function reveal(span) {
  const turn = paragraphs[paragraphAt(span[0])].parentElement;
  const box = turn.getBoundingClientRect();
  aim = span;
  if (box.bottom > below() && box.top < innerHeight) {
    settle(span, matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth');
    return;
  }
  // What was never on the screen has no certain height until it is.
  turn.scrollIntoView({ behavior: 'instant' });
  requestAnimationFrame(() => requestAnimationFrame(() => { if (aim === span) settle(span, 'instant'); }));
}

function settle(span, behavior) {
  const box = rangeOf(span).getBoundingClientRect();
  const most = document.documentElement.scrollHeight - innerHeight;
  const top = Math.min(Math.max(scrollY + box.top - below() - (innerHeight - below()) / 3, 0), most);
  if (isAtEase(box) || Math.abs(top - scrollY) < 1) aim = null;
  else scrollTo({ top, behavior });
}

// What came into view on the way may have been higher or lower than it was thought to be.
function onScrollEnd() {
  const span = aim;
  aim = null;
  if (span) settle(span, 'instant');
}

// The reader's hand goes before ours.
function letGo() {
  aim = null;
}

const below = () => Math.max($('deck').getBoundingClientRect().bottom, 0);
const isAtEase = (box) => box.top > below() + 12 && box.bottom < innerHeight - 72;

function follow(follows) {
  isFollowing = follows;
  $('follow').hidden = follows || !isPlaying();
}

function followAgain() {
  follow(true);
  if (current >= 0) reveal(spanOf(current));
}

// Whoever scrolls away from what is said is left alone until they are back.
function onScroll() {
  if (aim || !isPlaying() || current < 0) return;
  follow(isAtEase(rangeOf(spanOf(current)).getBoundingClientRect()));
}

function changeSpeed(by) {
  const index = SPEEDS.indexOf(audio.playbackRate) + by;
  if (!hasAudio() || index < 0 || index >= SPEEDS.length) return;
  $('speed').value = String(SPEEDS[index]);
  takeSpeed();
}

function takeSpeed() {
  // Also for a recording that is opened later.
  audio.defaultPlaybackRate = audio.playbackRate = Number($('speed').value);
}

function openOwn(file) {
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
  $('why').textContent = 'The recording cannot be played from where it is said to be.';
  showControls();
}

function showState() {
  $('play').setAttribute('aria-label', isPlaying() ? 'Pause' : 'Play');
  document.body.classList.toggle('is-playing', isPlaying());
  follow(isFollowing);
}
