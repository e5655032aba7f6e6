// Marks over the text: what the service was not sure of, what it found, and what the reader looks for.
// Only what is on the screen or close to it is marked, however much there is.

const UNSURE = 60; // per cent

const layers = {
  unsure: { isOn: true, spans: unsureWords().map(spanOf) },
  positive: { isOn: false, spans: sentiments('POSITIVE') },
  negative: { isOn: false, spans: sentiments('NEGATIVE') },
  entity: { isOn: false, spans: data.entities.map(([start, end]) => spanBetween(start, end)) },
  phrase: { isOn: false, spans: data.phrases.map(([start, end]) => spanBetween(start, end)) },
  found: { isOn: true, spans: [] },
};

const switches = { unsure: ['unsure'], sentiment: ['positive', 'negative'], entities: ['entity'], phrases: ['phrase'] };

const ABOVE = ['phrase', 'positive', 'negative', 'entity', 'unsure', 'found', 'now', 'found-now']; // the last above all

const near = new Set(); // paragraphs

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
  if (!CSS.highlights) return; // an older browser plays and searches, and marks nothing
  const highlight = new Highlight(...spans.flatMap(rangesOf));
  highlight.priority = ABOVE.indexOf(name);
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

function watchWhatIsNear() {
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(numbers.get(target));
      else near.delete(numbers.get(target));
    }
    paint();
  }, { rootMargin: '50%' });
  for (const paragraph of paragraphs) watcher.observe(paragraph);
}
