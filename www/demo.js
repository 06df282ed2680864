/** The demo: tracks what the buttons say, shows the books, and follows the collector's journal. */

import { createTelemetry } from '/beaconry/index.js';

const ENDPOINT = '/v1/events';

/** How often the books are read: fast enough to look live. */
const BOOKS_MS = 200;
/** How often the journal is asked for more. */
const TAIL_MS = 500;
/** Lines of the journal that are shown. */
const ROWS = 200;
const BURST = 10_000;

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');
const query = new URLSearchParams(location.search);

/* ------------------------------------------------------------------------------------------------ the flag */

const flagName = ['DISABLED', 'ROLLOUT', 'ENABLED'].find((name) => name === query.get('flag')) ?? 'ENABLED';
const percent = Math.min(Math.max(Number(query.get('percent') ?? 50) || 0, 0), 100);

for (const link of document.querySelectorAll('nav a')) {
  if (new URL(link.href).searchParams.get('flag') === flagName) link.setAttribute('aria-current', 'page');
}

/* ------------------------------------------------------------------- the network, as the switches want it */

// The demo's own: it stands between this page and the browser's fetch and sendBeacon, for the endpoint alone. Offline,
// a fetch fails and a beacon is taken and lost, as browsers do; a failing server answers with 503.
const network = { fetch: window.fetch.bind(window), offline: $('offline'), failing: $('failing') };

/** Whether the switches forbid this request to get through. */
const isBroken = (url) =>
  (network.offline.checked || network.failing.checked) && new URL(url, location.href).pathname === ENDPOINT;

window.fetch = async (...request) => {
  if (!isBroken(request[0]?.url ?? request[0])) return network.fetch(...request);
  if (network.offline.checked) throw new TypeError('Offline, as the demo’s switch says');
  return new Response('', { status: 503 });
};

const { sendBeacon } = Navigator.prototype;
Navigator.prototype.sendBeacon = function (url, body) {
  return isBroken(url) || sendBeacon.call(this, url, body);
};

for (const name of ['offline', 'failing']) {
  const input = network[name];
  input.checked = sessionStorage.getItem(`demo:${name}`) === 'on';
  input.addEventListener('change', () => {
    sessionStorage.setItem(`demo:${name}`, input.checked ? 'on' : 'off');
    // The browser says so itself when it is the real network.
    if (name === 'offline') dispatchEvent(new Event(input.checked ? 'offline' : 'online'));
  });
}

/* -------------------------------------------------------------------------------------------- the telemetry */

const telemetry = createTelemetry({
  url: ENDPOINT,
  key: 'demo',
  app: 'demo',
  release: 'demo',
  env: 'development',
  flag: flagName === 'ROLLOUT' ? { rollout: percent } : flagName,
  visitor: query.get('visitor') ?? undefined,
  debug: true,
  limits: { memoryBytes: 4 * 1024 * 1024 }, // a burst fits whole
});

addEventListener('error', ({ error, message }) => telemetry.error(error ?? message, { handled: false }));
addEventListener('unhandledrejection', ({ reason }) => telemetry.error(reason, { handled: false }));

/** What the buttons do; each returns what it did. */
const actions = {
  log() {
    telemetry.log('info', 'A button was pressed', { where: 'demo', at: new Date() });
    return 'Tracked a log line.';
  },
  error() {
    telemetry.error(new RangeError('The cart has −1 items', { cause: new Error('A sum went wrong') }));
    return 'Tracked an error that the page has handled.';
  },
  metric() {
    const value = Math.round(80 + Math.random() * 240);
    telemetry.metric('response_time', value, { unit: 'ms', route: '/cart' });
    return `Tracked a metric: response_time, ${value} ms.`;
  },
  event() {
    telemetry.event('checkout', { step: 2, items: ['lamp', 'lens'] });
    return 'Tracked an event: checkout.';
  },
  vital() {
    const value = Math.round(900 + Math.random() * 2400);
    const rating = value <= 2500 ? 'good' : 'needs-improvement';
    telemetry.vital('LCP', value, { rating });
    return `Tracked a vital: LCP, ${number.format(value)} ms, ${rating}.`;
  },
  uncaught() {
    // In a task of its own, where nobody can catch it.
    setTimeout(() => {
      throw new TypeError('Nobody catches this');
    });
    return 'Threw an error: the page’s listener tracks it.';
  },
  rejection() {
    Promise.reject(new Error('Nobody awaits this'));
    return 'Rejected a promise: the page’s listener tracks it.';
  },
  burst() {
    const start = performance.now();
    for (let n = 0; n < BURST; n++) telemetry.event('burst', { n, of: BURST });
    const ms = performance.now() - start;
    return `Tracked ${number.format(BURST)} events in ${ms.toFixed(0)} ms, ${((ms * 1000) / BURST).toFixed(1)} µs each.`;
  },
  async flush() {
    const { delivered, held, dropped } = await telemetry.flush({ timeout: 3000 });
    return `Flushed: ${number.format(delivered)} delivered, ${number.format(held)} held, ${number.format(dropped)} dropped.`;
  },
  reload() {
    location.reload();
    return 'Reloading…';
  },
};

for (const button of document.querySelectorAll('[data-action]')) {
  button.addEventListener('click', async () => {
    $('said').textContent = await actions[button.dataset.action]();
    showBooks();
  });
}

/* ------------------------------------------------------------------------------------------------ the books */

const MODES = {
  off: () => (flagName === 'ROLLOUT' ? `This visitor is not among the ${percent} %.` : 'Telemetry is off: nothing is loaded, stored or sent.'),
  writer: () => 'The facade writes; the WebAssembly comes when the page is idle.',
  wasm: () => (flagName === 'ROLLOUT' ? `This visitor is among the ${percent} %: the WebAssembly client is at work.` : 'The WebAssembly client is at work.'),
  degraded: () => 'No WebAssembly here: the facade writes, and a later visit delivers.',
};

let shown = '';
let announced = 0;

function showBooks() {
  const stats = telemetry.stats();
  const text = JSON.stringify(stats);
  if (text === shown) return;
  shown = text;
  const dropped = Object.values(stats.dropped).reduce((all, n) => all + n, 0);
  showMode(stats);
  for (const [name, value] of Object.entries({ ...stats, dropped })) {
    if ($(name) && typeof value === 'number') $(name).textContent = number.format(value);
    const part = document.querySelector(`.bar .${name}`);
    if (part) part.style.flexGrow = value;
  }
  $('stored').textContent = `${number.format(stats.storedBytes)} bytes`;
  $('stream').textContent = stats.stream ?? 'none';
  showReasons(stats.dropped);
  announce(stats, dropped);
}

function showMode({ mode }) {
  const text = MODES[mode]();
  const banner = $('mode');
  if (banner.dataset.mode === mode) return;
  banner.dataset.mode = mode;
  banner.replaceChildren(element('strong', {}, mode), ` ${text}`);
  if (flagName === 'ROLLOUT') {
    const visitor = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    const href = `?flag=ROLLOUT&percent=${percent}&visitor=${visitor}`;
    banner.append(' ', element('a', { href }, 'Be another visitor'));
  }
}

function showReasons(dropped) {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0);
  $('reasons').textContent = reasons.map(([reason, count]) => `${reason} ${number.format(count)}`).join(', ') || 'none';
}

/** Tells who listens only when the books have come to rest: each count on its way would be noise. */
function announce({ tracked, held, delivered }, dropped) {
  if (held > 0 || tracked === announced) return;
  announced = tracked;
  $('rest').textContent = `${number.format(tracked)} tracked, ${number.format(delivered)} delivered, ${number.format(dropped)} dropped, none held.`;
}

/* ---------------------------------------------------------------------------------------------- the journal */

const journal = { file: '', next: undefined, lines: 0 };

/** Asks for what the journal has gained; true if there may be more at once. */
async function readJournal() {
  const after = journal.next === undefined ? '' : `?after=${journal.next}`;
  const response = await network.fetch(`/v1/tail${after}`);
  if (!response.ok) return false;
  const { file, next, lines } = await response.json();
  if (journal.file && file !== journal.file) {
    Object.assign(journal, { file, next: 0, lines: 0 }); // midnight: a new file, from its start
    return true;
  }
  Object.assign(journal, { file, next });
  showLines(lines.split('\n').filter(Boolean));
  return lines !== '';
}

async function followJournal() {
  let more = false;
  try {
    more = document.visibilityState === 'visible' && (await readJournal());
  } catch {
    // The collector is away: asked again.
  }
  setTimeout(followJournal, more ? 0 : TAIL_MS);
}

function showLines(lines) {
  if (!lines.length) return;
  journal.lines += lines.length;
  $('file').textContent = journal.file;
  $('lines').textContent = `· ${number.format(journal.lines)} ${journal.lines === 1 ? 'line' : 'lines'} seen`;
  const box = $('journal');
  const list = box.querySelector('ol');
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  box.querySelector('.empty').hidden = true;
  list.append(...lines.slice(-ROWS).map(row));
  while (list.children.length > ROWS) list.firstChild.remove();
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

/** One line of the journal, to be opened. */
function row(line) {
  const event = JSON.parse(line);
  const [stream, id] = event.id.split('.');
  const time = new Date(event.ts ?? event.received);
  const summary = element(
    'summary',
    {},
    element('span', { class: `type ${event.type}` }, event.type),
    element('span', { class: 'id' }, id.startsWith('~') ? id : `#${id}`),
    element('time', { datetime: time.toISOString() }, time.toLocaleTimeString('en-GB')),
    element('span', { class: 'text' }, describe(event)),
  );
  const details = element('details', {}, summary);
  // Made when it is opened: most never are.
  details.addEventListener('toggle', () => details.append(element('pre', {}, JSON.stringify(event, null, 2))), { once: true });
  const isOurs = stream === telemetry.stats().stream;
  return element('li', isOurs ? { class: 'ours' } : {}, details);
}

/** What a line is about, in a few words. */
function describe({ type, data = {} }) {
  const { name, message, value, level, unit = '' } = data;
  if (type === 'log') return `${level}: ${message}`;
  if (type === 'error') return `${name ?? 'Error'}: ${message}${data.handled === false ? ' (uncaught)' : ''}`;
  if (type === 'metric' || type === 'vital') return `${name} ${value} ${unit}`;
  if (type === 'delivery') {
    const drops = Object.entries(data.dropped ?? {}).map(([reason, ranges]) => `, dropped ${reason} ${JSON.stringify(ranges)}`);
    return `the stream’s books: ${data.tracked} tracked${drops.join('')}${data.closed ? ', closed' : ''}`;
  }
  const { name: _, ...more } = data;
  return `${name ?? ''} ${JSON.stringify(more)}`;
}

/** An element; texts are texts, never markup: a journal holds what strangers have sent. */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

showBooks();
setInterval(showBooks, BOOKS_MS);
followJournal();
