// The timeline: one lane for each speaker, so that speakers are distinguished without colours too. It is a slider.

const canvas = $('bar');
const LANE_HEIGHT = 8; // px; less if there are many speakers
const MAX_HEIGHT = 56; // px, of all lanes

function drawLanes() {
  const lanes = Math.max(labels.length, 1);
  const lane = Math.min(LANE_HEIGHT, MAX_HEIGHT / lanes);
  const width = canvas.clientWidth;
  const pen = sized(width, Math.ceil(lanes * lane) + 5);
  const x = (milliseconds) => (milliseconds / data.length) * width;
  const colours = coloursOfVoices();
  counts.forEach((count, paragraph) => {
    if (!count) return;
    const [start, end] = [starts[firsts[paragraph]], ends[lastWordOf(paragraph)]];
    const voice = Math.max(voices[paragraph], 0);
    pen.globalAlpha = isShown(paragraph) ? 1 : 0.25;
    pen.fillStyle = colours[voice] || colours[0];
    pen.fillRect(x(start), voice * lane + 1, Math.max(x(end) - x(start), 1), Math.max(lane - 2, 1));
  });
  pen.globalAlpha = 1;
  drawMatches(pen, x, lanes * lane + 1);
}

function sized(width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  return pen;
}

function coloursOfVoices() {
  const voices = [...document.querySelectorAll('.voices i'), $('lanes')];
  return voices.map((element) => getComputedStyle(element).color);
}

// The times of the bookmarks and of the search matches.
function drawMatches(pen, x, top) {
  for (const time of bookmarks) {
    pen.fillStyle = getComputedStyle($('lanes')).color;
    pen.fillRect(x(time) - 1, 0, 2, top + 4);
  }
  const ticks = new Set(found.map(([place]) => Math.round(x(starts[wordAt(place)] || 0))));
  pen.fillStyle = getComputedStyle($('needle')).backgroundColor;
  for (const tick of ticks) pen.fillRect(tick, top, 1.5, 4);
}

function showPosition() {
  $('needle').style.left = `${((100 * position) / data.length).toFixed(2)}%`;
  const text = clock(position);
  if ($('lanes').ariaValueText && $('at').textContent === text) return;
  $('at').textContent = text;
  $('lanes').setAttribute('aria-valuenow', String(Math.round(position / 1000)));
  $('lanes').setAttribute('aria-valuetext', [`${text} of ${clock(data.length)}`, speakerAt(position)].filter(Boolean).join(', '));
}

function speakerAt(milliseconds) {
  const word = wordUpTo(milliseconds);
  return word < 0 ? '' : speakerOf(paragraphOf(word));
}

function timeAt(x) {
  const box = canvas.getBoundingClientRect();
  return (Math.min(Math.max(x - box.left, 0), box.width) / (box.width || 1)) * data.length;
}

function slide(event) {
  follow(true);
  seek(timeAt(event.clientX), false);
  if (current >= 0) reveal(spanOf(current));
}

function onLanesDown(event) {
  $('lanes').setPointerCapture(event.pointerId);
  slide(event);
}

function onLanesMove(event) {
  if ($('lanes').hasPointerCapture(event.pointerId)) slide(event);
  const time = timeAt(event.clientX);
  showTip([clock(time), speakerAt(time)].filter(Boolean).join(' · '), event.clientX, $('lanes').getBoundingClientRect().bottom);
}
