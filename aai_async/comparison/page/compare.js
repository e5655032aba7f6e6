// The player of a comparison: a click on a difference plays it, with a little of what is around it.

const $ = (id) => document.getElementById(id);
const AROUND = 0.7; // seconds

const audio = $('audio');
const links = [...document.querySelectorAll('[data-n]')];
const numbers = [...new Set(links.map((one) => one.dataset.n))];
let current = -1;
let stopAt = Infinity; // seconds

const hasAudio = () => audio.hasAttribute('src') && !audio.error;

function listen(start, end) {
  if (!hasAudio()) return;
  stopAt = end;
  audio.currentTime = Math.max(start, 0);
  audio.play().catch(() => {}); // the event `error` reports the failure
}

function choose(at, isScrolled) {
  current = Math.min(Math.max(at, 0), numbers.length - 1);
  const number = numbers[current];
  for (const one of links) one.classList.toggle('is-current', one.dataset.n === number);
  const link = links.find((one) => one.dataset.n === number);
  $('count').textContent = `${current + 1} of ${numbers.length}`;
  $('previous').disabled = current === 0;
  $('next').disabled = current === numbers.length - 1;
  if (isScrolled) link.closest('tr').scrollIntoView({ block: 'center' });
  const { start, end } = link.dataset;
  if (start) listen(start / 1000 - AROUND, end / 1000 + AROUND);
}

function showAudio() {
  $('lack').hidden = $('open').hidden = hasAudio();
  audio.hidden = !hasAudio();
}

document.addEventListener('click', (event) => {
  const difference = event.target.closest('[data-n]');
  const time = event.target.closest('.when');
  if (difference) choose(numbers.indexOf(difference.dataset.n), false);
  else if (time) listen(Number(time.dataset.start) / 1000, Infinity);
  else return;
  event.preventDefault();
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || numbers.length === 0) return;
  if (event.key === 'j') choose(current + 1, true);
  else if (event.key === 'k') choose(current - 1, true);
});

$('previous').addEventListener('click', () => choose(current - 1, true));
$('next').addEventListener('click', () => choose(current + 1, true));
$('only').addEventListener('change', (event) => {
  document.body.classList.toggle('only-differences', event.target.checked);
});

audio.addEventListener('timeupdate', () => {
  if (audio.currentTime < stopAt) return;
  stopAt = Infinity;
  audio.pause();
});
audio.addEventListener('pause', () => { stopAt = Infinity; });
audio.addEventListener('error', () => {
  $('why').textContent = 'The recording cannot be played: open the audio file to listen.';
  showAudio();
});

$('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  if (!file) return;
  audio.src = URL.createObjectURL(file);
  showAudio();
});

new ResizeObserver(() => {
  document.documentElement.style.setProperty('--deck', `${$('deck').offsetHeight}px`);
}).observe($('deck'));

showAudio();
if (numbers.length) {
  $('next').disabled = false;
  $('count').textContent = `${numbers.length} in all`;
}
document.documentElement.dataset.ready = 'true';
