// The transcript page: a player that knows the words. No network, and nothing is kept.
// The text stands in the page as plain text, one node for each paragraph; words are marked by ranges over it
// (CSS Custom Highlight API), so that a hundred thousand of them cost no elements.
(function () {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const paragraphs = [...document.querySelectorAll('.turn p')];
  const audio = $('audio');
  const canMark = 'highlights' in CSS && typeof Highlight === 'function';
  const UNSURE = 60; // per cent

  // Times and lengths come as differences; a word knows its paragraph by `data.first`, the index of the first word of each.
  const starts = summed(data.starts);
  const ends = starts.map((start, word) => start + data.spans[word]);
  const offsets = new Map(); // of the words of a paragraph, where they begin in its text

  function summed(differences) {
    let sum = 0;
    return differences.map((difference) => (sum += difference));
  }

  // The last index whose value is not above one; -1 where there is none.
  function lastUpTo(values, value) {
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // Channels overlap, so that the words do not begin in the order in which they stand.
  const order = [...starts.keys()].sort((one, other) => starts[one] - starts[other] || one - other);
  const sortedStarts = order.map((word) => starts[word]);

  // The word that began last at a time; -1 before the first.
  function wordUpTo(milliseconds) {
    const place = lastUpTo(sortedStarts, milliseconds);
    return place < 0 ? -1 : order[place];
  }

  const paragraphOf = (word) => lastUpTo(data.first, word);

  function offsetsOf(paragraph) {
    if (!offsets.has(paragraph)) {
      const end = paragraph + 1 < data.first.length ? data.first[paragraph + 1] : starts.length;
      let at = 0;
      const found = [];
      for (let word = data.first[paragraph]; word < end; word++) {
        found.push(at);
        at += data.lengths[word] + data.gap;
      }
      offsets.set(paragraph, found);
    }
    return offsets.get(paragraph);
  }

  function rangeOf(from, to) {
    const [first, last] = [paragraphOf(from), paragraphOf(to)];
    const range = new Range();
    range.setStart(paragraphs[first].firstChild, offsetsOf(first)[from - data.first[first]]);
    range.setEnd(paragraphs[last].firstChild, offsetsOf(last)[to - data.first[last]] + data.lengths[to]);
    return range;
  }

  function mark(name, ranges) {
    if (!canMark) return;
    if (ranges.length) CSS.highlights.set(name, new Highlight(...ranges));
    else CSS.highlights.delete(name);
  }

  // Which word is at a point of the screen; -1 where there is none.
  function wordAt(x, y) {
    let node;
    let offset;
    if (document.caretPositionFromPoint) {
      const position = document.caretPositionFromPoint(x, y);
      [node, offset] = position ? [position.offsetNode, position.offset] : [];
    } else if (document.caretRangeFromPoint) {
      const range = document.caretRangeFromPoint(x, y);
      [node, offset] = range ? [range.startContainer, range.startOffset] : [];
    }
    const element = node && node.parentElement && node.parentElement.closest('.turn p');
    if (!element || !data.first.length) return -1;
    const paragraph = Number(element.dataset.index);
    return data.first[paragraph] + Math.max(0, lastUpTo(offsetsOf(paragraph), offset));
  }

  // ---- the player

  let current = -1;
  let isFollowing = true;

  function clock(milliseconds) {
    const seconds = Math.floor(milliseconds / 1000);
    const two = (number) => String(number).padStart(2, '0');
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }

  function hasAudio() {
    return Boolean(audio.src);
  }

  function seek(milliseconds, plays) {
    if (hasAudio()) {
      audio.currentTime = milliseconds / 1000;
      if (plays) audio.play().catch(() => {});
    }
    show(milliseconds);
  }

  function show(milliseconds) {
    const word = wordUpTo(milliseconds);
    drawPosition(milliseconds);
    if (word === current) return;
    current = word;
    mark('now', word < 0 ? [] : [rangeOf(word, word)]);
    if (isFollowing && word >= 0 && hasAudio() && !audio.paused) bring(word);
  }

  // Scroll only when the word is about to leave the middle of the screen.
  function bring(word) {
    const box = rangeOf(word, word).getBoundingClientRect();
    const top = $('head').getBoundingClientRect().bottom;
    if (box.top < top + 20 || box.bottom > innerHeight - 100) {
      paragraphs[paragraphOf(word)].scrollIntoView({ block: 'nearest' });
      const after = rangeOf(word, word).getBoundingClientRect();
      scrollBy({ top: after.top - top - (innerHeight - top) / 3 });
    }
  }

  function follow(follows) {
    isFollowing = follows;
    $('follow').hidden = follows || !hasAudio() || audio.paused;
  }

  function tick() {
    if (audio.paused) return;
    show(audio.currentTime * 1000);
    requestAnimationFrame(tick);
  }

  function toggle() {
    if (!hasAudio()) return;
    if (audio.paused) audio.play().catch(() => {});
    else audio.pause();
  }

  function openOwn(file) {
    audio.src = URL.createObjectURL(file);
    $('own').hidden = true;
    audio.hidden = false;
    document.body.classList.add('has-audio');
  }

  // ---- who spoke when: a row for each speaker, so that it is told without colours, too

  const canvas = $('bar');
  const length = Math.max(data.length, ends.length ? ends[ends.length - 1] : 0, 1);
  const ROW = 9;

  function drawBar() {
    const rows = Math.max(data.speakers, 1);
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth;
    canvas.width = width * ratio;
    canvas.height = rows * ROW * ratio;
    canvas.style.height = `${rows * ROW}px`;
    const pen = canvas.getContext('2d');
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    pen.fillStyle = style.getPropertyValue('--line');
    for (let row = 0; row < rows; row++) pen.fillRect(0, row * ROW + 4, width, 1);
    for (const [start, end, speaker] of data.turns) {
      pen.fillStyle = style.getPropertyValue(`--s${speaker % 8}`);
      pen.fillRect((start / length) * width, speaker * ROW + 1, Math.max(((end - start) / length) * width, 1), ROW - 2);
    }
    drawPosition(hasAudio() ? audio.currentTime * 1000 : 0);
  }

  function drawPosition(milliseconds) {
    $('needle').style.left = `${(100 * milliseconds) / length}%`;
  }

  // ---- search: in the text as it stands, so that phrases are found across words

  const MOST_FOUND = 5000;
  let found = [];
  let chosen = -1;

  function search(wanted) {
    const text = wanted.trim().toLowerCase();
    found = [];
    for (let index = 0; text && index < paragraphs.length && found.length < MOST_FOUND; index++) {
      const said = paragraphs[index].firstChild ? paragraphs[index].firstChild.data.toLowerCase() : '';
      for (let at = said.indexOf(text); at >= 0 && found.length < MOST_FOUND; at = said.indexOf(text, at + text.length)) {
        found.push([index, at, at + text.length]);
      }
    }
    mark('found', found.map(rangeFound));
    choose(found.length ? nearest() : -1, false);
  }

  function rangeFound([index, start, end]) {
    const node = paragraphs[index].firstChild;
    const range = new Range();
    // Lower case may be longer: the Turkish dotted I is.
    range.setStart(node, Math.min(start, node.length));
    range.setEnd(node, Math.min(end, node.length));
    return range;
  }

  function nearest() {
    const top = $('head').getBoundingClientRect().bottom;
    const next = found.findIndex(([index]) => paragraphs[index].getBoundingClientRect().bottom > top);
    return Math.max(next, 0);
  }

  function choose(index, moves) {
    chosen = index;
    mark('found-now', index < 0 ? [] : [rangeFound(found[index])]);
    const more = found.length === MOST_FOUND ? '+' : '';
    $('count').textContent = index >= 0 ? `${index + 1} of ${found.length}${more}` : $('search').value.trim() ? 'none' : '';
    if (index >= 0 && (moves || document.activeElement === $('search'))) {
      follow(false);
      paragraphs[found[index][0]].scrollIntoView({ block: 'nearest' });
      const box = rangeFound(found[index]).getBoundingClientRect();
      const top = $('head').getBoundingClientRect().bottom;
      if (box.top < top + 10 || box.bottom > innerHeight - 20) scrollBy({ top: box.top - top - (innerHeight - top) / 3 });
    }
  }

  function step(by) {
    if (found.length) choose((chosen + by + found.length) % found.length, true);
  }

  // ---- marks: what the service was not sure of, and what it found

  const marks = { unsure: false, sentiment: false, entities: false };
  const near = new Set(); // paragraphs on the screen or close to it

  function spans(name) {
    if (name !== 'unsure') return [];
    const words = [];
    for (const paragraph of near) {
      const end = paragraph + 1 < data.first.length ? data.first[paragraph + 1] : starts.length;
      for (let word = data.first[paragraph]; word < end; word++) {
        if (data.confidence[word] !== null && data.confidence[word] < UNSURE) words.push(rangeOf(word, word));
      }
    }
    return words;
  }

  function rangeBetween([start, end]) {
    const from = Math.max(wordUpTo(start), 0);
    return rangeOf(from, Math.max(from, wordUpTo(Math.max(end - 1, start))));
  }

  function drawMarks() {
    mark('unsure', marks.unsure ? spans('unsure') : []);
    const tone = (wanted) => (marks.sentiment ? data.sentiments.filter(([, , one]) => one === wanted).map(rangeBetween) : []);
    mark('positive', tone('POSITIVE'));
    mark('negative', tone('NEGATIVE'));
    mark('entity', marks.entities ? data.entities.map(rangeBetween) : []);
  }

  function press(name) {
    marks[name] = !marks[name];
    $(name).setAttribute('aria-pressed', String(marks[name]));
    drawMarks();
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const paragraph = Number(entry.target.dataset.index);
      if (entry.isIntersecting) near.add(paragraph);
      else near.delete(paragraph);
    }
    if (marks.unsure) mark('unsure', spans('unsure'));
  }, { rootMargin: '50%' });

  function tip(event) {
    const word = event.target.closest && event.target.closest('.turn p') ? wordAt(event.clientX, event.clientY) : -1;
    const sure = word < 0 ? null : data.confidence[word];
    $('tip').hidden = sure === null || !marks.unsure;
    if ($('tip').hidden) return;
    $('tip').textContent = `${sure} % sure · ${clock(starts[word])}`;
    $('tip').style.left = `${Math.min(event.clientX + 12, innerWidth - 150)}px`;
    $('tip').style.top = `${event.clientY + 18}px`;
  }

  // ---- quotes

  function quote() {
    const selection = getSelection();
    const element = selection.anchorNode && selection.anchorNode.parentElement;
    const turn = element && element.closest('.turn');
    if (!turn || selection.isCollapsed) return '';
    const paragraph = Number(turn.querySelector('p').dataset.index);
    const offset = Math.min(selection.anchorOffset, selection.focusNode === selection.anchorNode ? selection.focusOffset : Infinity);
    const word = data.first.length ? data.first[paragraph] + Math.max(0, lastUpTo(offsetsOf(paragraph), offset)) : -1;
    const said = String(selection).replace(/\s+/g, ' ').trim();
    const who = [turn.dataset.speaker, word < 0 ? '' : clock(starts[word])].filter(Boolean).join(', ');
    return `“${said}”${who ? ` (${who})` : ''}`;
  }

  function copyQuote() {
    const text = quote();
    if (!text) return;
    const done = () => { $('said').textContent = 'Copied'; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {});
  }

  // ---- what the reader does

  function toHash() {
    const match = /^#t=(\d+(\.\d+)?)$/.exec(location.hash);
    if (!match) return;
    const milliseconds = Number(match[1]) * 1000;
    seek(milliseconds, false);
    const word = wordUpTo(milliseconds);
    if (word >= 0) paragraphs[paragraphOf(word)].closest('.turn').scrollIntoView({ block: 'start' });
  }

  function paragraphBy(by) {
    const here = current < 0 ? (by > 0 ? -1 : 0) : paragraphOf(current);
    const next = Math.min(Math.max(here + by, 0), data.first.length - 1);
    if (next < 0) return;
    seek(starts[data.first[next]], false);
    bring(data.first[next]);
  }

  function switchTheme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    drawBar();
  }

  const keys = {
    ' ': toggle,
    k: toggle,
    ArrowLeft: () => seek(Math.max(audio.currentTime - 5, 0) * 1000, false),
    ArrowRight: () => seek((audio.currentTime + 5) * 1000, false),
    ArrowUp: () => paragraphBy(-1),
    ArrowDown: () => paragraphBy(1),
    '/': () => { $('search').focus(); $('search').select(); },
    n: () => step(1),
    N: () => step(-1),
    c: () => press('unsure'),
    q: copyQuote,
    f: () => { follow(true); if (current >= 0) bring(current); },
    d: switchTheme,
    '?': () => $('help').showModal(),
  };

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
    const isTyping = event.target === $('search');
    if (isTyping) {
      if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
      if (event.key === 'Escape') $('search').blur();
      return;
    }
    // What has the focus has its own keys: a button its space, the player its arrows.
    const isTaken = event.target.closest('button, a, audio, input') && (event.key === ' ' || event.key.startsWith('Arrow'));
    const act = keys[event.key];
    if (!act || isTaken || ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && !hasAudio())) return;
    event.preventDefault();
    act();
  }

  function onClick(event) {
    const text = event.target.closest('.turn p');
    if (!text || !getSelection().isCollapsed) return;
    const word = wordAt(event.clientX, event.clientY);
    if (word < 0) return;
    follow(true);
    seek(starts[word], true);
  }

  document.addEventListener('keydown', onKey);
  document.addEventListener('click', onClick);
  document.addEventListener('pointermove', tip, { passive: true });
  document.addEventListener('selectionchange', () => { $('quote').hidden = !quote(); });
  for (const event of ['wheel', 'touchmove']) {
    document.addEventListener(event, () => { if (!audio.paused) follow(false); }, { passive: true });
  }
  audio.addEventListener('play', () => { follow(true); requestAnimationFrame(tick); });
  audio.addEventListener('pause', () => follow(isFollowing));
  audio.addEventListener('seeked', () => show(audio.currentTime * 1000));
  canvas.addEventListener('click', (event) => {
    const box = canvas.getBoundingClientRect();
    const milliseconds = ((event.clientX - box.left) / box.width) * length;
    seek(milliseconds, false);
    const word = wordUpTo(milliseconds);
    if (word >= 0) bring(word);
  });
  let waiting = 0;
  $('search').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search($('search').value), 80);
  });
  $('next').addEventListener('click', () => step(1));
  $('previous').addEventListener('click', () => step(-1));
  for (const name of Object.keys(marks)) {
    const button = $(name);
    if (button) button.addEventListener('click', () => press(name));
  }
  $('theme').addEventListener('click', switchTheme);
  $('keys').addEventListener('click', () => $('help').showModal());
  $('follow').addEventListener('click', keys.f);
  $('quote').addEventListener('click', copyQuote);
  $('file').addEventListener('change', (event) => { if (event.target.files.length) openOwn(event.target.files[0]); });
  addEventListener('hashchange', toHash);
  addEventListener('resize', drawBar);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawBar);
  new ResizeObserver(([entry]) => {
    document.documentElement.style.setProperty('--head', `${entry.contentRect.height + 8}px`);
  }).observe($('head'));
  for (const paragraph of paragraphs) watcher.observe(paragraph);
  drawBar();
  toHash();
  document.documentElement.dataset.ready = 'true';
})();
