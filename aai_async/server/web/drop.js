'use strict';
{
  // Recordings are uploaded, transcribed and followed with the API of the server that this page came from.

  const POLL = 1000; // ms
  const MAX_FAILURES = 5; // polls in a row without a response

  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const jobs = []; // { name, id, file, element }

  let key = '';
  let uploads = Promise.resolve(); // one after another

  function made(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // The key is in the fragment of the address, which is not sent and does not stay in the address bar.
  function findKey() {
    const match = /^#key=(.+)$/.exec(location.hash);
    if (match) {
      sessionStorage.setItem('key', decodeURIComponent(match[1]));
      history.replaceState(null, '', location.pathname);
    }
    key = sessionStorage.getItem('key') ?? '';
  }

  async function call(path, options = {}) {
    const response = await fetch(path, { ...options, headers: { authorization: key } });
    const body = await response.json();
    if (response.status === 401) refuseKey();
    if (!response.ok) throw Object.assign(new Error(body.error), { status: response.status });
    return body;
  }

  function refuseKey() {
    sessionStorage.removeItem('key');
    showKeyField('The server has another key. Open the address that it has printed, or paste its key.');
  }

  function showKeyField(text) {
    $('ask').hidden = false;
    $('work').hidden = true;
    if (text) $('asked').textContent = text;
    $('key').focus();
  }

  async function begin() {
    if (!key) return showKeyField();
    try {
      await call('/v2/transcript?limit=1');
    } catch (error) {
      return error.status ? undefined : showKeyField('The server does not respond. Start it again.');
    }
    $('ask').hidden = true;
    $('work').hidden = false;
    const kept = JSON.parse(sessionStorage.getItem('jobs') ?? '[]');
    for (const { name, id } of kept) follow(added({ name, id }));
    return undefined;
  }

  function keep() {
    sessionStorage.setItem('jobs', JSON.stringify(jobs.filter(({ id }) => id).map(({ name, id }) => ({ name, id }))));
  }

  // A row of the list

  function added(job) {
    job.state = made('span', { className: 'state' });
    job.bar = made('progress', { max: 1, ariaLabel: `Progress of ${job.name}` });
    job.actions = made('p');
    job.element = made('li', {}, made('strong', { dir: 'auto' }, job.name), ' ', job.state, job.bar, job.actions);
    job.bar.hidden = true;
    jobs.push(job);
    $('jobs').prepend(job.element);
    $('heading').hidden = false;
    return job;
  }

  function show(job, text, share) {
    job.state.textContent = text;
    job.bar.hidden = share === undefined;
    if (share === null) job.bar.removeAttribute('value');
    else if (share !== undefined) job.bar.value = share;
  }

  function fail(job, text) {
    show(job, text);
    job.element.classList.add('is-failed');
    job.actions.replaceChildren(removeButton(job));
    announce(`${job.name}: ${text}`);
  }

  function announce(text) {
    $('announcement').textContent = text;
  }

  function removeButton(job) {
    const button = made('button', { type: 'button' }, 'Remove');
    button.ariaLabel = `Remove ${job.name}`;
    button.addEventListener('click', () => remove(job));
    return button;
  }

  async function remove(job) {
    try {
      if (job.id) await call(`/v2/transcript/${job.id}`, { method: 'DELETE' });
    } catch (error) {
      if (error.status !== 400) return show(job, 'The server does not respond');
    }
    jobs.splice(jobs.indexOf(job), 1);
    job.element.remove();
    $('heading').hidden = !jobs.length;
    return keep();
  }

  // The work

  function options() {
    const code = $('language').value;
    const wanted = code ? { language_code: code } : { language_detection: true };
    if ($('speakers').checked) wanted.speaker_labels = true;
    if ($('speakers').checked && $('expected').value) wanted.speakers_expected = Number($('expected').value);
    if ($('channels').checked) wanted.multichannel = true;
    return wanted;
  }

  function add(files) {
    for (const file of files) {
      const job = added({ name: file.name, file });
      const wanted = options();
      show(job, 'Waiting', null);
      uploads = uploads.then(() => run(job, wanted));
    }
  }

  async function run(job, wanted) {
    try {
      const { upload_url: address } = await uploaded(job);
      const { id } = await call('/v2/transcript', { method: 'POST', body: JSON.stringify({ ...wanted, audio_url: address }) });
      job.id = id;
      keep();
      follow(job);
    } catch (error) {
      fail(job, error.message);
    }
  }

  // With `XMLHttpRequest`, because `fetch` does not report the progress of an upload.
  function uploaded(job) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('POST', '/v2/upload');
      request.setRequestHeader('authorization', key);
      request.responseType = 'json';
      request.upload.onprogress = ({ loaded, total }) => show(job, `Uploading, ${Math.round((100 * loaded) / total)} %`, loaded / total);
      request.onload = () => {
        if (request.status === 200) resolve(request.response);
        else reject(new Error(request.response?.error ?? `The upload was refused with status ${request.status}.`));
      };
      request.onerror = () => reject(new Error('The file could not be read, or the server does not respond.'));
      request.send(job.file);
    });
  }

  async function follow(job, failures = 0) {
    let transcript;
    try {
      transcript = await call(`/v2/transcript/${job.id}`);
    } catch (error) {
      if (error.status || failures >= MAX_FAILURES) return fail(job, error.status ? error.message : 'The server does not respond.');
      return setTimeout(follow, POLL, job, failures + 1);
    }
    if (transcript.status === 'error') return fail(job, transcript.error);
    if (transcript.status === 'completed') return finish(job, transcript);
    show(job, transcript.status === 'queued' ? 'Waiting' : 'Transcribing', null);
    return setTimeout(follow, POLL, job);
  }

  async function finish(job, transcript) {
    const words = transcript.words?.length ?? 0;
    show(job, `${clock(transcript.audio_duration ?? 0)}, ${words.toLocaleString('en')} word${words === 1 ? '' : 's'}`);
    const address = `/read/${job.id}/${await token(job.id)}`;
    const query = `?name=${encodeURIComponent(job.name)}`;
    const read = made('a', { className: 'read', href: address + query, target: '_blank' }, 'Read');
    read.ariaLabel = `Read ${job.name}`;
    read.addEventListener('click', (event) => openPage(event, job, read.href));
    const saves = data.formats.map((name) => made('a', { className: 'save', href: `${address}/${name}${query}`, download: '' }, name.toUpperCase()));
    job.actions.replaceChildren(read, ...saves, removeButton(job));
    announce(`${job.name} is transcribed`);
  }

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

  async function token(id) {
    const encode = (text) => new TextEncoder().encode(text);
    const secret = await crypto.subtle.importKey('raw', encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const signature = await crypto.subtle.sign('HMAC', secret, encode(`read ${id}`));
    return [...new Uint8Array(signature)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  // The transcript page gets the recording from this page: it is not fetched again.
  function openPage(event, job, address) {
    if (!job.file) return;
    event.preventDefault();
    const opened = window.open(address);
    const give = () => {
      if (opened?.closed !== false) return;
      const input = opened.document.getElementById('file');
      if (!input || !opened.document.documentElement.dataset.ready) {
        setTimeout(give, 50);
        return;
      }
      const transfer = new DataTransfer();
      transfer.items.add(job.file);
      input.files = transfer.files;
      input.dispatchEvent(new Event('change'));
    };
    give();
  }

  function addListeners() {
    const on = (target, name, act) => target.addEventListener(name, act);
    on($('ask'), 'submit', (event) => {
      event.preventDefault();
      key = $('key').value.trim();
      sessionStorage.setItem('key', key);
      begin();
    });
    on($('files'), 'change', ({ target }) => {
      add(target.files);
      target.value = '';
    });
    on(document, 'dragover', (event) => {
      event.preventDefault();
      document.body.classList.add('is-over');
    });
    on(document, 'dragleave', () => document.body.classList.remove('is-over'));
    on(document, 'drop', (event) => {
      event.preventDefault();
      document.body.classList.remove('is-over');
      if (!$('work').hidden) add(event.dataTransfer.files);
    });
    on($('expected'), 'input', () => { $('speakers').checked ||= Boolean($('expected').value); });
    on(window, 'hashchange', () => { findKey(); begin(); });
  }

  function listLanguages() {
    const display = new Intl.DisplayNames(['en'], { type: 'language' });
    const languages = data.languages.map((code) => [display.of(code), code]).sort(([one], [other]) => one.localeCompare(other, 'en'));
    $('language').append(...languages.map(([name, code]) => made('option', { value: code }, name)));
  }

  listLanguages();
  addListeners();
  findKey();
  begin();
  document.documentElement.dataset.ready = 'true';
}
