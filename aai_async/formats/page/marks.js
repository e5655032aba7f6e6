// Marks over the text: unsure words, detected entities, phrases and sentiments, and search matches.
// Only the paragraphs on or near the screen are marked, so the length of the transcript does not matter.

const UNSURE = 60; // per cent: words with a lower confidence are marked

const layers = {
  unsure: { isOn: true, spans: unsureWords().map(spanOf) },
  positive: { isOn: false, spans: sentiments('POSITIVE') },
  negative: { isOn: false, spans: sentiments('NEGATIVE') },
  entity: { isOn: false, spans: data.entities.map(([start, end]) => spanBetween(start, end)) },
  phrase: { isOn: false, spans: data.phrases.map(([start, end]) => spanBetween(start, end)) },
  found: { isOn: true, spans: [] },
};

const switches = { unsure: ['unsure'], sentiment: ['positive', 'negative'], entities: ['entity'], phrases: ['phrase'] };

const DRAWING_ORDER = ['phrase', 'positive', 'negative', 'entity', 'unsure', 'found', 'now', 'found-now']; // the last is drawn on top

const near = new Set(); // the numbers of the paragraphs on or near the screen

function unsureWords() {
  return [...starts.keys()].filter(isUnsure);
}

function isUnsure(word) {
  return data.confidence[word] !== null && data.confidence[word] < UNSURE;
}

function sentiments(wanted) {
  return data.sentiments.filter(([, , tone]) => tone === wanted).map(([start, end]) => spanBetween(start, end));
}

function mark(name, spans) {
  if (!CSS.highlights) return; // an older browser still plays and searches, but shows no marks
  const highlight = new Highlight(...spans.flatMap(rangesOf));
  highlight.priority = DRAWING_ORDER.indexOf(name);
  CSS.highlights.set(name, highlight);
}

function paint(names = Object.keys(layers)) {
  const from = bases[Math.min(...near)];
  const to = endOfNear();
  for (const name of names) {
    const { isOn, spans } = layers[name];
    mark(name, isOn && near.size ? spans.filter((span) => span[1] > from && span[0] < to) : []);
  }
}

function endOfNear() {
  return near.size ? endOf(Math.max(...near)) : 0;
}

function turnOn(name, isOn) {
  for (const layer of switches[name]) layers[layer].isOn = isOn;
  if ($(name)) $(name).checked = isOn;
  paint(switches[name]);
}

function observeParagraphs() {
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(numbers.get(target));
      else near.delete(numbers.get(target));
    }
    paint();
  }, { rootMargin: '50%' });
  for (const paragraph of paragraphs) watcher.observe(paragraph);
}
