// Without the WebAssembly: what is stored is delivered all the same.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { closePage, microtasks, openPage, parseBody } from '../support.js';
import { closeCores, load, openNetwork, sentEvents, trap, until, watchCores } from './support.js';

const { createTelemetry } = await load('index.js');
const { compile } = await load('core.js');
const { keyPrefix } = await load('flag.js');

const OPTIONS = { url: 'https://t.example/v1/events', key: 'k', session: 's1', flag: 'ENABLED', wasmUrl: 'https://t.example/none.wasm' };
const PREFIX = keyPrefix(OPTIONS);
const message = ({ data }) => data.message;
const json = (value, status = 200, headers = {}) => new Response(JSON.stringify(value), { status, headers });

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {ReturnType<typeof openNetwork>} */
let network;
let clients = [];

/** A page whose wasm is refused, and a network that answers as a collector does. */
function begin(options = {}, browser = {}) {
  page = openPage(browser);
  network = openNetwork();
  network.serve = () => Promise.reject(new TypeError('no wasm'));
  return start(options);
}

function start(options = {}) {
  const telemetry = createTelemetry({ ...OPTIONS, ...options });
  clients.push(telemetry);
  page.idle.forEach((call) => call());
  return telemetry;
}

afterEach(() => {
  for (const client of clients) client.dispose();
  clients = [];
  closeCores();
  closePage();
});

/** An id of a stream that was born so many ms ago. */
function bornBefore(ms) {
  const id = Buffer.alloc(16);
  id.writeUIntBE(Date.now() - ms, 0, 6);
  id.writeUInt32BE((Math.random() * 2 ** 32) >>> 0, 12);
  return id.toString('base64url');
}

/** What a page has left that is gone: a batch for each list of messages. */
function leave(stream, batches, line) {
  let first = 0;
  for (const messages of batches) {
    const lines = messages.map((text) => JSON.stringify({ type: 'log', ts: 1, data: { message: text } }));
    page.local.setItem(`${PREFIX}${stream}:${first}`, `{"batch":${first},"n":${messages.length},"page":"/old"}\n${lines.join('\n')}\n`);
    first += messages.length;
  }
  if (line) page.local.setItem(`${PREFIX}${stream}:s`, typeof line === 'string' ? line : JSON.stringify({ stream, v: 1, tracked: first, dropped: {}, holds: [[0, first]], closed: false, ...line }));
}

const degraded = (telemetry) => until(() => telemetry.stats().mode === 'degraded');
const keysOf = (stream) => page.keys().filter((key) => key.includes(stream));
const lines = () => network.requests.map(({ body }) => parseBody(body)[0]);
/** @param {ReturnType<ReturnType<typeof createTelemetry>['stats']>} stats */
const isBalanced = ({ tracked, held, delivered, released, dropped }) =>
  assert.equal(tracked, held + delivered + released + Object.values(dropped).reduce((sum, n) => sum + n, 0));

test('flush delivers, erases what was stored, and tells true numbers', async () => {
  const telemetry = begin();
  await degraded(telemetry);
  const { stream } = telemetry.stats();
  telemetry.log('info', 'one');
  telemetry.log('info', 'two');
  await microtasks();
  assert.equal(keysOf(stream).length, 2);
  assert.deepEqual(await telemetry.flush(), { delivered: 2, held: 0, dropped: 0 });
  assert.deepEqual([...sentEvents(network.requests, stream).values()].map(message), ['one', 'two']);
  assert.deepEqual(keysOf(stream), []);
  const stats = telemetry.stats();
  assert.deepEqual([stats.mode, stats.tracked, stats.storedBytes], ['degraded', 2, 0]);
  assert.notEqual(stats.stream, stream, 'nobody writes to what is delivered');
  const [line] = lines();
  assert.deepEqual([line.stream, line.tracked, line.holds, line.closed], [stream, 2, [[0, 2]], true]);
});

test('what waited when the wasm turned out to be missing is delivered at once; what follows at most once a minute, and when asked', async () => {
  const telemetry = begin();
  telemetry.error('needs it');
  await until(() => telemetry.stats().delivered === 1);
  telemetry.log('info', 'later');
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(telemetry.stats().delivered, 1);
  assert.deepEqual(await telemetry.flush(), { delivered: 2, held: 0, dropped: 0 });
});

test('without any storage flush delivers from memory', async () => {
  const telemetry = begin({ persist: false });
  telemetry.log('info', 'one');
  assert.deepEqual(await telemetry.flush(), { delivered: 1, held: 0, dropped: 0 });
});

test('dead streams are asked about first, then sent, and erased with their lines; living ones are left alone', async () => {
  page = openPage();
  const [old, older, living, young] = [bornBefore(60_000), bornBefore(90_000), bornBefore(60_000), bornBefore(1_000)];
  const telemetry = begin();
  leave(old, [['a', 'b'], ['c']], { dropped: { full: [[1, 2]] }, tracked: 5 });
  leave(older, [['d']]);
  leave(living, [['e']], {});
  leave(young, [['f']], {});
  page.locks.add(`${PREFIX}${living}`);
  network.answer = (body) => {
    const [line, ...rest] = parseBody(body);
    const sent = rest.filter((it) => it.n).map(({ batch, n }) => [batch, batch + n]);
    return json({ stored: line.stream === old ? [[0, 2], ...sent] : sent });
  };
  await until(() => !keysOf(old)[0] && !keysOf(older)[0]);
  const asked = lines().filter(({ stream }) => stream === old);
  assert.deepEqual([asked[0].tracked, asked[0].dropped, asked[0].holds, asked[0].closed], [5, { full: [[1, 2]] }, [[0, 2], [2, 3]], true]);
  assert.deepEqual([...sentEvents(network.requests, old).values()].map(message), ['c'], 'what is stored is not sent again');
  assert.deepEqual([...sentEvents(network.requests, older).values()].map(message), ['d']);
  assert.deepEqual([keysOf(living).length, keysOf(young).length], [2, 2]);
  assert.ok(lines().every(({ stream }) => stream !== living && stream !== young));
  await until(() => page.locks.size === 2, 'locks go back');
  isBalanced(telemetry.stats());
});

test('without Web Locks leases tell what is dead: flush delivers, and what a page has left is taken', async () => {
  page = openPage();
  Object.defineProperty(globalThis.navigator, 'locks', { value: undefined });
  network = openNetwork();
  network.serve = () => Promise.reject(new TypeError('no wasm'));
  const [old, living] = [bornBefore(200_000), bornBefore(200_000)];
  leave(old, [['a']], {});
  leave(living, [['b']], {});
  page.local.setItem(`${PREFIX}${living}:l`, `${Date.now() + 100_000} another's`);
  const telemetry = start();
  telemetry.log('info', 'own');
  const { stream } = telemetry.stats();
  const flushed = await telemetry.flush();
  assert.equal(flushed.held, 0);
  await until(() => !keysOf(old)[0] && !keysOf(stream)[0]);
  assert.deepEqual([...sentEvents(network.requests, old).values()].map(message), ['a']);
  assert.deepEqual([...sentEvents(network.requests, stream).values()].map(message), ['own']);
  assert.equal(keysOf(living).length, 3);
  const now = telemetry.stats().stream;
  await until(() => keysOf(now).some((key) => key.endsWith(':l')), "the writer's stream has a lease");
});

test('without Web Locks the lease of the writer\'s stream is taken once, and given back', async () => {
  page = openPage();
  Object.defineProperty(globalThis.navigator, 'locks', { value: undefined });
  network = openNetwork();
  network.serve = () => Promise.reject(new TypeError('no wasm'));
  network.answer = () => Promise.reject(new TypeError('offline'));
  const telemetry = start();
  telemetry.log('info', 'own');
  await degraded(telemetry);
  const leased = () => page.keys().filter((key) => key.endsWith(':l') && page.local[key] !== '0');
  await until(() => leased()[0]);
  page.fire('pageshow', { persisted: false });
  await microtasks();
  telemetry.dispose();
  await until(() => !leased()[0]);
});

test('without a storage, what was dropped before the page was in the back/forward cache is told after it', async () => {
  const telemetry = begin({ persist: false, limits: { storageBytes: 1_000 } });
  const { answer } = network;
  network.answer = () => Promise.reject(new TypeError('offline'));
  for (let at = 0; at < 9; at++) telemetry.log('info', `${'x'.repeat(300)}`);
  page.fire('online');
  await until(() => telemetry.stats().dropped.full === 9);
  page.fire('pagehide');
  network.answer = answer;
  page.fire('pageshow', { persisted: true });
  page.fire('online');
  await until(() => lines().some(({ dropped }) => dropped.full?.[0]?.[1] === 9));
});

test('one that was born more than maxAge ago is told as `age`; what nobody knows any more as `stale`', async () => {
  const telemetry = begin({ limits: { maxAge: 60_000 } });
  const [old, unknown] = [bornBefore(120_000), bornBefore(30_000)];
  leave(old, [['a']], {});
  leave(unknown, [['b', 'c']], {});
  network.answer = (body) => json(parseBody(body)[0].stream === unknown ? { stale: true } : { stored: [] });
  await until(() => !keysOf(old)[0] && !keysOf(unknown)[0]);
  assert.deepEqual(telemetry.stats().dropped, { age: 1, stale: 2 });
  assert.deepEqual(lines().filter(({ stream }) => stream === old).at(-1).dropped, { age: [[0, 1]] });
  assert.equal(sentEvents(network.requests, old).size, 0);
});

test('what is rejected is counted, told and erased; the rest is delivered', async () => {
  const told = [];
  const telemetry = begin({ onDrop: (...drop) => told.push(drop) });
  const old = bornBefore(60_000);
  leave(old, [['a', 'b'], ['c']], {});
  network.answer = (body) => {
    const [, ...rest] = parseBody(body);
    const sent = rest.filter((it) => it.n);
    return json({ stored: sent.filter(({ batch }) => batch === 2).map(() => [2, 3]), rejected: sent.filter(({ batch }) => batch === 0).map(({ batch }) => ({ batch, reason: 'json' })) });
  };
  await until(() => !keysOf(old)[0]);
  assert.deepEqual(lines().at(-1).dropped, { rejected: [[0, 2]] }, 'told before the line is erased');
  assert.deepEqual([telemetry.stats().dropped, telemetry.stats().delivered], [{ rejected: 2 }, 1]);
  await until(() => told[0]);
  assert.deepEqual(told, [['rejected', 2]]);
});

for (const [status, reason] of [[413, 'too_large'], [400, 'rejected']]) {
  test(`${status} of a collector: one by one, and a lone one is dropped as ${reason}`, async () => {
    const telemetry = begin();
    const old = bornBefore(60_000);
    leave(old, [['a'], ['bad'], ['c']], {});
    network.answer = (body) => {
      if (body.includes('bad')) return json({ error: 'no' }, status);
      return json({ stored: parseBody(body).filter((it) => it.n).map(({ batch, n }) => [batch, batch + n]) });
    };
    await until(() => !keysOf(old)[0]);
    assert.deepEqual([telemetry.stats().dropped, telemetry.stats().delivered], [{ [reason]: 1 }, 2]);
    assert.deepEqual(lines().at(-1).dropped, { [reason]: [[1, 2]] });
  });
}

test('a line that cannot be read is made anew; a batch of the storage that cannot be read is counted', async () => {
  const telemetry = begin();
  const old = bornBefore(60_000);
  leave(old, [['a']], { release: 'bad' });
  page.local.setItem(`${PREFIX}${old}:1`, 'spoilt');
  network.answer = (body) => {
    if (body.includes('"release"')) return json({ error: 'no' }, 400);
    return json({ stored: parseBody(body).filter((it) => it.n).map(({ batch, n }) => [batch, batch + n]) });
  };
  await until(() => !keysOf(old)[0]);
  assert.deepEqual([telemetry.stats().dropped, telemetry.stats().delivered], [{ storage: 1 }, 1]);
  const spoilt = bornBefore(60_000);
  leave(spoilt, [['b']], 'no line');
  telemetry.flush();
  await until(() => !keysOf(spoilt)[0]);
  assert.deepEqual([...sentEvents(network.requests, spoilt).values()].map(message), ['b']);
});

test('no answer, one of a proxy, or one that leaves a batch out: all is kept, and sent again after a backoff', async (t) => {
  t.mock.method(Math, 'random', () => 0.01); // of the jitter
  const telemetry = begin();
  const answers = [() => Promise.reject(new TypeError('offline')), () => new Response('<html>'), () => json({ stored: [] }), () => json({}, 500)];
  const { answer } = network;
  network.answer = (body) => (answers.shift() ?? answer)(body);
  telemetry.log('info', 'one');
  await until(() => telemetry.stats().delivered === 1);
  assert.equal(network.requests.length, 5);
  assert.deepEqual(telemetry.stats().dropped, {});
});

test('a Retry-After holds every tab, and coming online does not end it', async () => {
  const telemetry = begin();
  network.answer = () => json({}, 503, { 'Retry-After': '60' });
  telemetry.log('info', 'one');
  await telemetry.flush({ timeout: 50 });
  assert.equal(network.requests.length, 1);
  const [wait] = JSON.parse(page.local[`${PREFIX}gate`]);
  assert.ok(wait > Date.now() + 50_000 && wait <= Date.now() + 60_000);
  page.fire('online');
  await telemetry.flush({ timeout: 50 });
  assert.equal(network.requests.length, 1);
  const other = start();
  other.log('info', 'two');
  await other.flush({ timeout: 50 });
  assert.equal(network.requests.length, 1);
});

test('a refused key is tried again after minutes; coming online ends a backoff alone', async () => {
  const telemetry = begin();
  network.answer = () => json({ error: 'no' }, 401);
  telemetry.log('info', 'one');
  await telemetry.flush({ timeout: 50 });
  page.fire('online');
  await telemetry.flush({ timeout: 50 });
  assert.deepEqual([network.requests.length, telemetry.stats().held], [1, 1]);
  const second = begin();
  network.answer = () => Promise.reject(new TypeError('offline'));
  second.log('info', 'two');
  await second.flush({ timeout: 50 });
  const { length } = network.requests;
  page.fire('online');
  await until(() => network.requests.length > length);
});

test('switched off: what is held is counted as off, told with one last line each, and erased; the gate is for all tabs', async () => {
  const telemetry = begin();
  const old = bornBefore(60_000);
  leave(old, [['a']], {});
  network.answer = (body) => (parseBody(body)[0].stream === old ? json({ phase: 'DISABLED' }, 410) : json({ stored: [[0, 1]] }));
  telemetry.log('info', 'delivered');
  await until(() => telemetry.stats().mode === 'off');
  assert.deepEqual([telemetry.stats().dropped, telemetry.stats().delivered, telemetry.stats().held], [{ off: 1 }, 1, 0]);
  await until(() => lines().at(-1).dropped.off);
  assert.deepEqual(page.keys(), [`${PREFIX}gate`]);
  assert.ok(JSON.parse(page.local[`${PREFIX}gate`])[1] > Date.now() + 86_000_000);
  telemetry.log('info', 'not taken');
  await microtasks();
  await until(() => page.locks.size === 0);
  assert.deepEqual([page.listeners.size, page.keys().length, telemetry.stats().tracked], [0, 1, 2]);
});

test('pagehide gives every lock back, and the page goes on after it', async () => {
  const telemetry = begin();
  network.answer = () => new Promise(() => {});
  telemetry.log('info', 'in the air');
  await until(() => network.requests.length === 1);
  const [{ stream }] = lines();
  page.fire('pagehide');
  await until(() => page.locks.size === 0);
  assert.equal(keysOf(stream).length, 2, 'it stays stored');
  isBalanced(telemetry.stats());
  network.answer = openNetwork().answer;
  page.fire('pageshow', { persisted: true });
  telemetry.log('info', 'back');
  const { delivered } = await telemetry.flush();
  assert.equal(delivered, 1);
});

test('what no storage has goes by beacon when the page is hidden, and is not lost when that is refused', async () => {
  const telemetry = begin({}, { quota: 0 });
  network.answer = () => Promise.reject(new TypeError('offline'));
  telemetry.log('info', 'one');
  await until(() => network.requests.length === 1);
  const [{ stream }] = lines();
  page.beaconBytes = 10;
  page.hide();
  assert.equal(page.beacons.length, 0);
  page.beaconBytes = 65_536;
  page.hide();
  page.hide();
  assert.deepEqual(page.beacons.map(({ body }) => parseBody(body)[0].stream), [stream]);
  assert.equal(telemetry.stats().held, 1, 'nobody has said that it arrived');
});

test('offline for long, storage has one limit: errors are dropped last', async () => {
  const telemetry = begin({ limits: { storageBytes: 30_000 } });
  network.answer = () => Promise.reject(new TypeError('offline'));
  telemetry.error('kept');
  await degraded(telemetry);
  for (let at = 0; at < 190; at++) telemetry.log('info', `first ${'x'.repeat(100)}`);
  await telemetry.flush({ timeout: 20 });
  for (let at = 0; at < 190; at++) telemetry.log('info', `second ${'x'.repeat(100)}`);
  await microtasks();
  page.fire('online');
  await until(() => telemetry.stats().dropped.full > 0);
  await until(() => telemetry.stats().storedBytes <= 30_000);
  isBalanced(telemetry.stats());
  const stored = page.keys().map((key) => page.local[key]).join('');
  assert.match(stored, /"message":"kept"/);
});

test('the wasm that comes goes on: the drain stops, and nothing is lost', async () => {
  page = openPage();
  network = openNetwork();
  network.serve = () => Promise.reject(new TypeError('offline'));
  const telemetry = start({ wasmUrl: undefined });
  const { answer } = network;
  network.answer = () => new Promise(() => {}); // in the air at the handover
  telemetry.error('first');
  await until(() => network.requests.some(({ body }) => body.includes('first')), 'in the air');
  telemetry.log('info', 'second');
  network.answer = answer;
  network.serve = async () => {};
  page.fire('online');
  await until(() => telemetry.stats().mode === 'wasm');
  assert.deepEqual(await telemetry.flush(), { delivered: 1, held: 0, dropped: 0 });
  await until(() => page.locks.size === 1, 'the first stream is free for whoever adopts it');
});

test('the wasm that comes where there are no Web Locks goes on with the writer\'s stream under a lease of its own', async (t) => {
  page = openPage();
  Object.defineProperty(globalThis.navigator, 'locks', { value: undefined });
  network = openNetwork();
  await compile(); // or by a test before: so it is the instance that fails
  t.mock.method(WebAssembly, 'Instance', trap, { times: 1 });
  const telemetry = start({ wasmUrl: undefined });
  await degraded(telemetry);
  const { stream } = telemetry.stats();
  const leases = () => keysOf(stream).filter((key) => key.endsWith(':l')).map((key) => page.local[key]);
  await until(() => leases()[0]);
  const [first] = leases();
  page.fire('online');
  await until(() => telemetry.stats().mode === 'wasm' && leases()[0] && leases()[0] !== first);
  telemetry.log('info', 'after');
  assert.deepEqual(await telemetry.flush(), { delivered: 1, held: 0, dropped: 0 });
  assert.equal(telemetry.stats().stream, stream);
});

test('after a second trap the drain delivers what the core has left', async () => {
  page = openPage();
  network = openNetwork();
  const { answer } = network;
  network.answer = () => Promise.reject(new TypeError('offline'));
  const cores = watchCores();
  const telemetry = start({ wasmUrl: undefined });
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  cores.inside = (name) => name === 'track' && trap();
  telemetry.log('info', 'goes on');
  await until(() => telemetry.stats().mode === 'degraded');
  network.answer = answer;
  const flushed = await telemetry.flush();
  assert.deepEqual([flushed.delivered, flushed.held], [1, 0]);
  assert.equal(cores.made, 2);
  const first = keysOf('').map((key) => key.split(':')[2]); // younger than an adopter waits for
  assert.equal(new Set(first).size, 1);
});
