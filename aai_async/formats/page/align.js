// Times for corrected text: words that stay keep theirs, and the others share the time of those that they replace.

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const LARGEST = 1_000_000; // pairs of words that are compared; longer changes are not compared word by word
const SHORTEST = 40; // ms for an added word; if the pause has no room, it shares the time of its neighbour

// The words of a corrected paragraph, from its words before and its text now.
function aligned(words, text) {
  const old = chunksOf(words);
  const now = [...text.matchAll(/(\s*)(\S+)/g)].map(([, gap, token]) => ({ gap: gap.length, text: token }));
  const result = [];
  for (const [from, to, first, last] of changes(old.map((one) => one.text), now.map((one) => one.text))) {
    const [chunks, tokens] = [old.slice(from, to), now.slice(first, last)];
    const isSame = chunks.length === tokens.length && chunks.every((one, at) => one.text === tokens[at].text);
    if (isSame) chunks.forEach((one, at) => result.push(...withGap(one.words, tokens[at].gap)));
    else if (chunks.length === tokens.length) chunks.forEach((one, at) => result.push(...withGap(corrected(one.words, tokens[at].text), tokens[at].gap)));
    else result.push(...spread(chunks.flatMap((one) => one.words), tokens, result, old[to]?.words[0]));
  }
  if (result.length && words.length) result[0] = { ...result[0], gap: words[0].gap };
  return result;
}

// Words without a space between them are one piece of text.
function chunksOf(words) {
  const chunks = [];
  words.forEach((word, at) => {
    if (at && !word.gap) {
      chunks.at(-1).words.push(word);
      chunks.at(-1).text += word.text;
    } else chunks.push({ words: [word], text: word.text });
  });
  return chunks;
}

const withGap = ([first, ...others], gap) => [{ ...first, gap }, ...others];

// Pieces of two lists that follow each other, as [from, to, first, last]: equal ones and changed ones.
function changes(old, now) {
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const [oldEnd, nowEnd] = [old.length - tail, now.length - tail];
  const middle = common(old.slice(head, oldEnd), now.slice(head, nowEnd)).map(([one, other]) => [one + head, other + head]);
  const found = [[0, head, 0, head]];
  let [from, first] = [head, head];
  for (const [one, other] of [...middle, [oldEnd, nowEnd]]) {
    if (one > from || other > first) found.push([from, one, first, other]);
    if (one < oldEnd) found.push([one, one + 1, other, other + 1]);
    [from, first] = [one + 1, other + 1];
  }
  found.push([oldEnd, old.length, nowEnd, now.length]);
  return found;
}

// The pairs of a longest common subsequence.
function common(old, now) {
  if (old.length * now.length > LARGEST) return [];
  const width = now.length + 1;
  const best = new Uint16Array((old.length + 1) * width);
  for (let one = old.length - 1; one >= 0; one--) {
    for (let other = now.length - 1; other >= 0; other--) {
      best[one * width + other] = old[one] === now[other]
        ? best[(one + 1) * width + other + 1] + 1
        : Math.max(best[(one + 1) * width + other], best[one * width + other + 1]);
    }
  }
  const pairs = [];
  for (let one = 0, other = 0; one < old.length && other < now.length;) {
    if (old[one] === now[other]) pairs.push([one++, other++]);
    else if (best[(one + 1) * width + other] >= best[one * width + other + 1]) one++;
    else other++;
  }
  return pairs;
}

// The words of one piece of text with another text: the beginning and the end that stay keep their words.
function corrected(words, text) {
  if (words.length === 1) return pieces(text).length === 1 ? [changedWord(words[0], text)] : spread(words, tokensOf(text), []);
  let head = 0;
  let left = 0;
  while (head < words.length && text.startsWith(words[head].text, left)) left += words[head++].text.length;
  let tail = 0;
  let right = text.length;
  while (tail < words.length - head && right - words.at(-1 - tail).text.length >= left && text.endsWith(words.at(-1 - tail).text, right)) {
    right -= words.at(-1 - tail++).text.length;
  }
  const middle = words.slice(head, words.length - tail);
  const added = left < right ? spread(middle, tokensOf(text.slice(left, right)), words.slice(0, head), words.at(-tail || words.length)) : [];
  return [...words.slice(0, head), ...added, ...words.slice(words.length - tail)];
}

const tokensOf = (text) => pieces(text).map((piece) => ({ gap: 0, text: piece }));

// The words of a text without spaces.
function pieces(text) {
  if (!UNSPACED.test(text) || !Intl.Segmenter) return [text];
  const found = [];
  for (const { segment, isWordLike } of new Intl.Segmenter(data.language || undefined, { granularity: 'word' }).segment(text)) {
    if (isWordLike || !found.length) found.push(segment);
    else found[found.length - 1] += segment; // punctuation belongs to the word before it
  }
  return found;
}

const changedWord = (word, text) => ({ ...word, text, isChecked: true });

// New words in the time of those that they replace, by their lengths; without any, in the pause between two words.
function spread(replaced, tokens, before, next) {
  if (!tokens.length) return [];
  const last = before.at(-1);
  let start = replaced[0]?.start ?? last?.end ?? next?.start ?? 0;
  let end = replaced.at(-1)?.end ?? Math.max(next?.start ?? start, start);
  if (!replaced.length && end - start < SHORTEST * tokens.length && last) {
    // The word before gives a part of its time.
    const all = last.text.length + tokens.reduce((sum, one) => sum + one.text.length, 0);
    start = Math.round(last.start + ((last.end - last.start) * last.text.length) / all);
    end = last.end;
    before[before.length - 1] = { ...last, end: start };
  }
  const sure = replaced.map((word) => word.confidence).filter((one) => one !== null);
  const total = tokens.reduce((sum, one) => sum + one.text.length, 0);
  let length = 0;
  return tokens.map(({ gap, text }) => {
    const from = Math.round(start + ((end - start) * length) / total);
    length += text.length;
    const to = Math.round(start + ((end - start) * length) / total);
    return { text, gap, start: from, end: to, confidence: sure.length ? Math.min(...sure) : null, isChecked: true };
  });
}
