// Quotes: the selection, or the current paragraph, with its speaker and time.

function selected() {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const inText = paragraphs.length && range.intersectsNode(paragraphs[0].closest('.turns'));
  if (!inText) return null;
  const from = placeOf(range.startContainer, range.startOffset);
  const to = placeOf(range.endContainer, range.endOffset);
  return [from < 0 ? placeFrom(range) : from, to < 0 ? placeUpTo(range) : to];
}

// A selection may begin or end between paragraphs: it then begins with the next one, or ends with the last one.
function placeFrom(range) {
  const first = paragraphs.findIndex((paragraph) => range.intersectsNode(paragraph));
  return first < 0 ? 0 : bases[first];
}

function placeUpTo(range) {
  const last = paragraphs.findLastIndex((paragraph) => range.intersectsNode(paragraph));
  return last < 0 ? 0 : endOf(last);
}

function quoteOf([from, to]) {
  const first = paragraphAt(from);
  const last = paragraphAt(Math.max(from, to - 1));
  if (speakersBetween(first, last) < 2) return `“${textBetween(from, to)}”${sourceOf(from, first)}`;
  const lines = [];
  for (let paragraph = first; paragraph <= last; paragraph++) {
    const [start, end] = [Math.max(from, bases[paragraph]), Math.min(to, endOf(paragraph))];
    if (end > start) lines.push(`“${textBetween(start, end)}”${sourceOf(start, paragraph)}`);
  }
  return lines.join('\n');
}

const textBetween = (from, to) => whole().slice(from, to).replaceAll('\n', ' ').trim();

function speakersBetween(first, last) {
  return new Set(voices.slice(first, last + 1)).size;
}

function sourceOf(place, paragraph) {
  const word = wordAt(place);
  const source = [speakerOf(paragraph), word < 0 ? '' : clock(starts[word])].filter(Boolean).join(', ');
  return source && ` (${source})`;
}

function quotedSpan() {
  const span = selected();
  if (span) return span[1] > span[0] ? span : null;
  if (current < 0) return null;
  const paragraph = paragraphOf(current);
  return [bases[paragraph], endOf(paragraph)];
}

async function copyQuote() {
  const span = quotedSpan();
  if (!span) return;
  const isCopied = await copied(quoteOf(span));
  const text = isCopied ? 'Copied' : 'The browser refused to copy';
  $('quote').textContent = text;
  announce(text);
}

async function copied(text) {
  if (!navigator.clipboard) return copiedByEvent(text); // browsers offer it to https and local pages only
  return navigator.clipboard.writeText(text).then(() => true, () => copiedByEvent(text));
}

function copiedByEvent(text) {
  const put = (event) => {
    event.preventDefault();
    event.clipboardData.setData('text/plain', text);
  };
  document.addEventListener('copy', put, { once: true });
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', put);
  return isCopied;
}

function onSelection() {
  const span = selected();
  $('quote').hidden = !span || span[1] <= span[0];
  $('quote').textContent = 'Copy as quote';
}
