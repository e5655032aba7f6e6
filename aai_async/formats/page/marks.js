// Marks over the text: unsure words, detected entities, phrases and sentiments, and search matches.
// Only the paragraphs on or near the screen are marked, so the length of the transcript does not matter.

let threshold = 60; // per cent: words with a lower confidence are marked until they are checked

const layers = {
  unsure: { isOn: true, spans: [] },
  positive: { isOn: false, spans: [] },
  negative: { isOn: false, spans: [] },
  entity: { isOn: false, spans: [] },
  phrase: { isOn: false, spans: [] },
  found: { isOn: true, spans: [] },
};

const switches = { unsure: ['unsure'], sentiment: ['positive', 'negative'], entities: ['entity'], phrases: ['phrase'] };

const DRAWING_ORDER = ['phrase', 'positive', 'negative', 'entity', 'unsure', 'found', 'now', 'found-now']; // the last is drawn on top

const near = new Set(); // the paragraphs on or near the screen

let watcher; // of the paragraphs

const sureness = (word) => Math.round(100 * confidence[word]);
const isDoubtful = (word) => confidence[word] !== null && sureness(word) < threshold;
const isUnsure = (word) => isDoubtful(word) && !checked[word];

let doubtful = []; // the doubtful words, checked or not, see `findMarks`

const unsureWords = () => doubtful.filter((word) => !checked[word]);

function findDoubtful() {
  doubtful = [];
  for (let word = 0; word < starts.length; word++) if (isDoubtful(word)) doubtful.push(word);
}

function sentiments(wanted) {
  return data.sentiments.filter(([, , tone]) => tone === wanted).map(([start, end]) => spanBetween(start, end));
}

// Follows the text after a correction.
function findMarks() {
  if (!starts.length) return;
  findDoubtful();
  layers.unsure.spans = unsureWords().map(spanOf);
  layers.positive.spans = sentiments('POSITIVE');
  layers.negative.spans = sentiments('NEGATIVE');
  layers.entity.spans = data.entities.map(([start, end]) => spanBetween(start, end));
  layers.phrase.spans = data.phrases.map(([start, end]) => spanBetween(start, end));
}

const numbersNear = () => [...near].map((paragraph) => numbers.get(paragraph)).filter((number) => number !== undefined);

function mark(name, spans) {
  if (!CSS.highlights) return; // an older browser still plays and searches, but shows no marks
  const highlight = new Highlight(...spans.flatMap(rangesOf));
  highlight.priority = DRAWING_ORDER.indexOf(name);
  CSS.highlights.set(name, highlight);
}

function paint(names = Object.keys(layers)) {
  const shown = numbersNear();
  const from = bases[Math.min(...shown)];
  const to = shown.length ? endOf(Math.max(...shown)) : 0;
  for (const name of names) {
    const { isOn, spans } = layers[name];
    mark(name, isOn && shown.length ? spans.filter((span) => span[1] > from && span[0] < to) : []);
  }
}

function turnOn(name, isOn) {
  for (const layer of switches[name]) layers[layer].isOn = isOn;
  if ($(name)) $(name).checked = isOn;
  paint(switches[name]);
}

function observeParagraphs() {
  watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(target);
      else near.delete(target);
      makeEditable(target, isEditing && isIntersecting);
    }
    paint();
  }, { rootMargin: '50%' });
  for (const paragraph of paragraphs) watcher.observe(paragraph);
}
