// Corrections by the reader: paragraphs near the screen become text fields, and doubtful words are confirmed one by one.

const BURST = 1500; // ms without typing after which the next typing is undone separately

let isEditing = false;
let typing = null; // the paragraph that is being typed in, its words before that, and the time of the last input
let caret = null; // the last position of the cursor, which a click on a button takes away

function setEditing(isOn) {
  isEditing = isOn;
  wordTexts(); // before the text on the screen changes
  document.body.classList.toggle('is-editing', isOn);
  $('edit').setAttribute('aria-pressed', String(isOn));
  $('edit-bar').hidden = !isOn;
  if (!isOn) document.activeElement.closest('.said')?.blur();
  for (const paragraph of near) makeEditable(paragraph, isOn);
  showProgress();
}

function makeEditable(paragraph, isOn) {
  if (!isOn || !starts.length) {
    for (const name of ['contenteditable', 'role', 'aria-multiline', 'aria-label']) paragraph.removeAttribute(name);
    return;
  }
  paragraph.setAttribute('contenteditable', 'plaintext-only');
  paragraph.setAttribute('role', 'textbox');
  paragraph.setAttribute('aria-multiline', 'true');
  const number = numbers.get(paragraph);
  const source = [speakerOf(number), counts[number] ? clock(starts[firsts[number]]) : ''];
  paragraph.setAttribute('aria-label', ['Text', ...source].filter(Boolean).join(', '));
}

function onBeforeInput(event) {
  const actions = {
    insertParagraph: splitHere,
    insertLineBreak: splitHere,
    historyUndo: () => undo(),
    historyRedo: redo,
  };
  const paragraph = event.target.closest('.said');
  if (!paragraph) return;
  const at = caretIn(paragraph);
  const number = numbers.get(paragraph);
  if (getSelection().isCollapsed && event.inputType.startsWith('deleteContentBackward') && at === 0) actions[event.inputType] = () => join(number);
  if (getSelection().isCollapsed && event.inputType.startsWith('deleteContentForward') && at === paragraph.textContent.length) actions[event.inputType] = () => join(number + 1);
  if (!actions[event.inputType]) return;
  event.preventDefault();
  actions[event.inputType]();
}

function onInput({ target }) {
  const paragraph = target.closest('.said');
  if (!paragraph) return;
  paragraph.normalize();
  const number = numbers.get(paragraph);
  const isNew = typing?.paragraph !== paragraph;
  if (isNew) typing = { paragraph, words: partOf(number).words, time: -BURST };
  const part = { ...partOf(number), origin: -1, words: aligned(typing.words, paragraph.textContent) };
  const action = change(number, 1, [part], true);
  const isBurst = performance.now() - typing.time < BURST;
  typing.time = performance.now();
  if (!isBurst) {
    perform(action);
    return;
  }
  action();
  afterChange();
}

// Writes the text as its words have it: without spaces at its ends. A paragraph without words goes.
function onLeave({ target }) {
  const paragraph = target.closest('.said');
  const number = numbers.get(paragraph);
  if (!paragraph || number === undefined) return;
  caret = { paragraph, at: Math.min(caretIn(paragraph), endOf(number) - bases[number]) };
  const isTyped = typing?.paragraph === paragraph;
  typing = null;
  if (!isTyped) return;
  const text = textOfWords(partOf(number).words);
  if (paragraph.textContent !== text) paragraph.textContent = text;
  if (!text && counts.length > 1) perform(change(number, 1, []));
  wholeText = null;
  paint();
}

function caretIn(paragraph) {
  const selection = getSelection();
  if (!selection.rangeCount || !paragraph.contains(selection.focusNode)) return 0;
  const range = new Range();
  range.selectNodeContents(paragraph);
  range.setEnd(selection.focusNode, selection.focusOffset);
  return range.toString().length;
}

function putCaret(paragraph, at) {
  makeEditable(paragraph, isEditing);
  paragraph.focus({ preventScroll: true });
  const text = paragraph.firstChild;
  getSelection().collapse(text ?? paragraph, text ? Math.min(at, text.length) : 0);
  caret = { paragraph, at };
}

// The cursor, or where it was before a button was pressed.
function cursor() {
  const paragraph = document.activeElement.closest('.said');
  if (paragraph) return { paragraph, at: caretIn(paragraph) };
  return caret && numbers.has(caret.paragraph) ? caret : null;
}

function splitHere() {
  const place = cursor();
  typing = null;
  if (!place) return announce('Put the cursor between two words first');
  const number = numbers.get(place.paragraph);
  const part = partOf(number);
  const index = part.words.findIndex((_, at) => places[firsts[number] + at] >= bases[number] + place.at);
  if (index < 1) return announce('Put the cursor between two words first');
  const second = { ...part, origin: -1, isSplit: true, words: part.words.slice(index) };
  perform(change(number, 1, [{ ...part, origin: -1, words: part.words.slice(0, index) }, second]));
  putCaret(paragraphs[number + 1], 0);
}

function join(number) {
  typing = null;
  if (number < 1 || number >= counts.length) return announce('There is no turn to join');
  const [first, second] = partsOf(number - 1, 2);
  const length = textOfWords(first.words).length;
  perform(change(number - 1, 2, [{ ...first, origin: -1, words: [...first.words, ...second.words] }]));
  putCaret(paragraphs[number - 1], length);
}

function joinHere() {
  const place = cursor();
  if (place) join(numbers.get(place.paragraph));
  else announce('Put the cursor into a turn first');
}

// Gives a paragraph, and those that follow it in the same turn, to another speaker.
function assign(paragraph, voice) {
  let last = paragraph + 1;
  while (last < counts.length && voices[last] === voices[paragraph] && !splits[last]) last++;
  const parts = partsOf(paragraph, last - paragraph).map((part) => ({ ...part, voice, origin: -1 }));
  perform(change(paragraph, parts.length, parts));
}

function openTurnSpeaker() {
  const place = cursor();
  if (!place) return announce('Put the cursor into a turn first');
  const number = numbers.get(place.paragraph);
  return openSpeaker(voices[number], number, $('turn-button'));
}

function onTurnVoice({ target }) {
  const voice = target.value ? Number(target.value) : addSpeaker();
  $('speaker').hidePopover();
  assign(menuParagraph, voice);
}

// Doubtful words

function showProgress() {
  const total = doubtful.length;
  const left = unsureWords().length;
  $('progress').textContent = total ? `${left.toLocaleString('en')} of ${total.toLocaleString('en')} to go` : 'No doubtful words';
  $('confirm').disabled = $('next-doubtful').disabled = !left;
  $('undo').disabled = !done.length;
  $('redo').disabled = !undone.length;
}

function setThreshold(value) {
  threshold = value;
  for (const output of document.querySelectorAll('.threshold')) output.textContent = `below ${value} %`;
  $('threshold').value = String(value);
  findMarks();
  paint(['unsure']);
  showProgress();
}

function nextDoubtful() {
  const words = unsureWords();
  const next = words.find((word) => word > current) ?? words[0];
  if (next !== undefined) stepWord(next);
}

// Confirms the current word if it is doubtful, and goes to the next one.
function confirmWord() {
  if (current >= 0 && isUnsure(current)) perform(check(current, true));
  nextDoubtful();
}

function addEditListeners(on) {
  on($('edit'), 'click', () => setEditing(!isEditing));
  on($('edit-bar'), 'mousedown', (event) => { if (event.target.closest('button')) event.preventDefault(); });
  on($('split'), 'click', splitHere);
  on($('join'), 'click', joinHere);
  on($('turn-button'), 'click', openTurnSpeaker);
  on($('turn-voice'), 'change', onTurnVoice);
  on($('undo'), 'click', () => undo());
  on($('redo'), 'click', redo);
  on($('confirm'), 'click', confirmWord);
  on($('next-doubtful'), 'click', nextDoubtful);
  on($('threshold'), 'input', ({ target }) => { setThreshold(Number(target.value)); keepSoon(); });
  const turns = document.querySelector('.turns');
  on(turns, 'beforeinput', onBeforeInput);
  on(turns, 'input', onInput);
  on(turns, 'focusout', onLeave);
}
