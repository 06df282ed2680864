import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { atEachTimer, closePage, microtasks, openPage, overflow, parseBody } from './support.js';
import * as facade from '../index.js';
import { keyPrefix } from '../flag.js';

const OPTIONS = { url: 'https://t.example/v1/events', key: 'k', app: 'shop', release: '1.4.2', env: 'production', session: 's1', flag: 'ENABLED' };
const PREFIX = keyPrefix(OPTIONS);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

let clients = [];
function createTelemetry(options) {
  clients.push(facade.createTelemetry(options));
  return clients.at(-1);
}

afterEach(() => {
  for (const client of clients) client.dispose();
  clients = [];
  closePage();
});

/** The page's streams as the storage has them: `{ [stream]: { line, batches } }`. */
function stored(page) {
  const streams = {};
  for (const [key, value] of Object.entries(page.local)) {
    const [, , stream, part] = key.split(':');
    assert.ok(key.startsWith(PREFIX), key);
    streams[stream] ??= { batches: {} };
    if (part === 's') streams[stream].line = JSON.parse(value);
    else streams[stream].batches[part] = value;
  }
  return streams;
}

const only = (object) => {
  const values = Object.values(object);
  assert.equal(values.length, 1);
  return values[0];
};

test('the export surface', async () => {
  assert.deepEqual(Object.keys(await import('../index.js')), ['createTelemetry']);
  assert.deepEqual(Object.keys(await import('../serialize.js')).sort(), ['TYPES', 'attempt', 'callEntry', 'encode', 'json', 'toEntry', 'utf8']);
  const names = ['track', 'stats', 'flush', 'log', 'error', 'metric', 'event', 'vital', 'setUser', 'setContext', 'dispose'];
  assert.deepEqual(Object.keys(createTelemetry({ flag: 'DISABLED' })), names);
  openPage();
  assert.deepEqual(Object.keys(createTelemetry(OPTIONS)), names);
});

test('on a server everything is a no-op', async () => {
  const telemetry = createTelemetry(OPTIONS);
  telemetry.track('log', { a: 1 });
  telemetry.error(new Error('x'));
  assert.equal(telemetry.stats().mode, 'off');
  assert.deepEqual(await telemetry.flush(), { delivered: 0, held: 0, dropped: 0 });
  telemetry.dispose();
});

test('DISABLED, also by default: no listener, no wasm, no key, and what was there is deleted', () => {
  for (const flag of ['DISABLED', undefined]) {
    const page = openPage();
    page.local.setItem(`${PREFIX}AAAAAAAAAAAAAAAAAAAAAA:0`, 'x');
    page.local.setItem(`${PREFIX}visitor`, 'v');
    page.local.setItem('bcn1:0badc0de:AAAAAAAAAAAAAAAAAAAAAA:0', "another client's");
    page.local.setItem('app', 'stays');
    page.session.setItem(`${PREFIX}session`, 's');
    const telemetry = createTelemetry({ ...OPTIONS, flag });
    let looked = 0;
    telemetry.track('log', { get x() { return ++looked; } });
    telemetry.event('x', { get x() { return ++looked; } });
    assert.deepEqual(page.keys().sort(), ['app', 'bcn1:0badc0de:AAAAAAAAAAAAAAAAAAAAAA:0']);
    assert.deepEqual(Object.keys(page.session), []);
    assert.equal(page.listeners.size + page.idle.length + page.beacons.length + page.requested.size + looked, 0);
  }
});

test('DISABLED deletes the mirror where one was made, and asks for none elsewhere', () => {
  const deleted = [];
  globalThis.indexedDB = { deleteDatabase: (name) => deleted.push(name) };
  const page = openPage();
  createTelemetry({ ...OPTIONS, flag: 'DISABLED' });
  assert.deepEqual(deleted, []);
  page.local.setItem(`${PREFIX}mirror`, '1');
  createTelemetry({ ...OPTIONS, flag: 'DISABLED' });
  createTelemetry({ ...OPTIONS, flag: 'DISABLED' });
  assert.deepEqual([deleted, page.keys()], [[PREFIX], []]);
  delete globalThis.indexedDB; // where there is none, the rest goes all the same
  page.local.setItem(`${PREFIX}mirror`, '1');
  createTelemetry({ ...OPTIONS, flag: 'DISABLED' });
  assert.deepEqual(page.keys(), []);
});

test('a rollout leaves a visitor who was not chosen nothing but the key that keeps the choice', () => {
  const page = openPage();
  page.local.setItem(`${PREFIX}AAAAAAAAAAAAAAAAAAAAAA:0`, 'x');
  assert.equal(createTelemetry({ ...OPTIONS, flag: { rollout: 0 } }).stats().mode, 'off');
  assert.deepEqual(page.keys(), [`${PREFIX}visitor`]);
  const key = page.local[`${PREFIX}visitor`];
  createTelemetry({ ...OPTIONS, flag: { rollout: 0 } });
  assert.equal(page.local[`${PREFIX}visitor`], key);
  createTelemetry({ ...OPTIONS, flag: { rollout: 0 }, visitor: 'u1' });
  assert.deepEqual(page.keys(), []);
  assert.equal(createTelemetry({ ...OPTIONS, flag: { rollout: 100 } }).stats().mode, 'writer');
});

test('a wrong option is named once, telemetry stays off, and nothing is deleted', (t) => {
  const error = t.mock.method(console, 'error', () => {});
  const wrong = [
    ['url', ''], ['url', undefined], ['url', 'ftp://x'], ['url', 'v1/events'], ['url', 5], ['key', undefined], ['key', ''], ['app', 5], ['release', ''],
    ['env', {}], ['visitor', 1], ['session', 'x'.repeat(1_025)], ['page', 1], ['persist', 'no'], ['debug', 1], ['onDrop', {}],
    ['limits', 5], ['limits.memoryBytes', { memoryBytes: '1' + 'x' }], ['limits.storageBytes', { storageBytes: -1 }],
    ['flag', 'enabled'], ['flag', { rollout: 101 }], ['flag', { rollout: 'all' }], ['flag', {}],
  ];
  for (const [name, value] of wrong) {
    const page = openPage();
    page.local.setItem('bcn1:0badc0de:AAAAAAAAAAAAAAAAAAAAAA:0', 'x');
    const telemetry = createTelemetry({ ...OPTIONS, [name.split('.')[0]]: value });
    telemetry.track('log', {});
    assert.equal(telemetry.stats().mode, 'off', name);
    assert.equal(error.mock.callCount(), 1, name);
    assert.match(error.mock.calls[0].arguments[0], new RegExp(`options\\.${name} `));
    assert.equal(page.keys().length + page.listeners.size, 1);
    error.mock.resetCalls();
  }
});

test('events of one task are one write, in the bytes of the wire, behind the stream line', async (t) => {
  const page = openPage();
  t.mock.method(Date, 'now', () => 1_763_877_600_123);
  const telemetry = createTelemetry(OPTIONS);
  telemetry.setUser('u1');
  telemetry.setContext({ tenant: 'north' });
  telemetry.log('info', 'one');
  telemetry.event('two', { step: 2 });
  assert.deepEqual(page.keys(), [], 'nothing is written in the call');
  await microtasks();
  const { line, batches } = only(stored(page));
  const [[stream]] = Object.entries(stored(page));
  assert.deepEqual(page.local.writes.map(([key]) => key), [`${PREFIX}${stream}:s`, `${PREFIX}${stream}:0`]);
  assert.equal(
    page.local.writes[0][1],
    `{"stream":"${stream}","v":1,"sdk":"beaconry/${version}","release":"1.4.2","env":"production","session":"s1","tracked":2,"dropped":{},"holds":[[0,2]],"closed":false}`,
  );
  assert.equal(line.tracked, 2);
  assert.equal(
    batches[0],
    '{"batch":0,"n":2,"page":"/cart","user":"u1","context":{"tenant":"north"}}\n' +
      '{"type":"log","ts":1763877600123,"data":{"level":"info","message":"one"}}\n' +
      '{"type":"event","ts":1763877600123,"data":{"step":2,"name":"two"}}\n',
  );
  telemetry.log('info', 'three');
  await microtasks();
  assert.equal(page.local.writes.length, 3, 'the next task appends to the same batch, and the line stays');
  assert.equal(parseBody(only(stored(page)).batches[0]).length, 4);
  assert.equal(Buffer.from(stream, 'base64url').readUIntBE(0, 6), 1_763_877_600_123);
});

test('an error is written within the call, with what came before it', () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.log('info', 'before');
  telemetry.error(new Error('now'));
  const [head, first, second] = parseBody(only(stored(page)).batches[0]);
  assert.deepEqual([head.n, first.type, second.type], [2, 'log', 'error']);
});

test('batches never have more than 4,096 bytes of UTF-8, however wide the characters', async () => {
  const page = openPage({ path: '/kasse/übersicht' });
  const telemetry = createTelemetry(OPTIONS);
  const texts = ['a', 'ü', '☕', '🦀', '\ud800', '\u0001'];
  for (let at = 0; at < 500; at++) telemetry.log('info', texts[at % 6].repeat(1 + ((at * 37) % 300)));
  telemetry.log('info', '☕'.repeat(3_000)); // a batch of its own
  telemetry.log('info', 'after');
  await microtasks();
  const { batches } = only(stored(page));
  let next = 0;
  let alone = 0;
  for (const [first, value] of Object.entries(batches).sort(([a], [b]) => a - b)) {
    const [head, ...events] = parseBody(value);
    assert.equal(head.batch, Number(first));
    assert.equal(head.batch, next);
    assert.equal(head.n, events.length);
    if (Buffer.byteLength(value) > 4_096) assert.equal(((alone += 1), head.n), 1);
    next += head.n;
  }
  assert.equal(next, 502);
  assert.equal(alone, 1);
});

test('a new path, user or context begins a new batch', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('a');
  await microtasks();
  page.location.pathname = '/pay';
  telemetry.event('b');
  telemetry.setUser('u2');
  telemetry.event('c');
  telemetry.setUser(null);
  telemetry.setContext({ a: 1n });
  telemetry.event('d');
  telemetry.setContext(null);
  telemetry.event('e');
  await microtasks();
  const heads = Object.values(only(stored(page)).batches).map((value) => parseBody(value)[0]);
  assert.deepEqual(heads, [
    { batch: 0, n: 1, page: '/cart' },
    { batch: 1, n: 1, page: '/pay' },
    { batch: 2, n: 1, page: '/pay', user: 'u2' },
    { batch: 3, n: 1, page: '/pay', context: { a: '1' } },
    { batch: 4, n: 1, page: '/pay' },
  ]);
});

test('hidden sends one beacon of what no beacon has taken, and seals', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('a');
  page.hide();
  assert.equal(page.beacons.length, 1);
  const { url, body } = page.beacons[0];
  const [line, batch] = parseBody(body);
  assert.equal(`${url.origin}${url.pathname}`, OPTIONS.url);
  assert.deepEqual([url.searchParams.get('key'), url.searchParams.get('stream')], ['k', line.stream]);
  assert.ok(Math.abs(Number(url.searchParams.get('now')) - Date.now()) < 10_000);
  assert.deepEqual([line.tracked, line.holds, line.closed, batch.n], [1, [[0, 1]], false, 1]);
  page.hide();
  assert.equal(page.beacons.length, 1);
  telemetry.event('b'); // while hidden, every task ends in a send
  await microtasks();
  assert.deepEqual(parseBody(page.beacons[1].body).map((it) => it.batch), [undefined, 1, undefined]);
  assert.equal(only(stored(page)).batches[0], body.slice(body.indexOf('\n') + 1), 'what a beacon took stays stored');
});

test('pagehide closes the stream and frees its lock; the next event begins a stream without one', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('a');
  await microtasks();
  const first = telemetry.stats().stream;
  assert.deepEqual([...page.locks], [`${PREFIX}${first}`]);
  page.fire('pagehide');
  await microtasks();
  assert.equal(parseBody(page.beacons[0].body)[0].closed, true);
  assert.equal(page.locks.size, 0);
  telemetry.vital('CLS', 0.1);
  await microtasks();
  const [line, batch] = parseBody(page.beacons[1].body);
  assert.notEqual(line.stream, first);
  assert.deepEqual([line.closed, batch.batch, page.locks.size], [false, 0, 0]);
  page.fire('pageshow', { persisted: true });
  telemetry.event('b');
  await microtasks();
  assert.equal(parseBody(page.beacons[2].body)[0].closed, true);
  const { stream } = telemetry.stats();
  assert.equal(Object.keys(stored(page)).length, 3);
  assert.deepEqual([...page.locks], [`${PREFIX}${stream}`]);
});

test('a page that comes back, with nothing tracked meanwhile, has nothing to send', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('a');
  page.fire('pagehide');
  page.fire('pageshow', { persisted: true });
  page.hide();
  await microtasks();
  assert.equal(page.beacons.length, 1);
  assert.equal(page.locks.size, 1);
});

test('a refused beacon is halved until it is taken; errors go first; nothing is sent twice', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  for (let at = 0; at < 400; at++) telemetry.log('info', `${at} ${'ü'.repeat(150)}`);
  telemetry.error(new Error('last'));
  page.beaconBytes = 20_000;
  page.hide();
  assert.equal(page.beacons.length, 1);
  assert.match(page.beacons[0].body.slice(0, 9_000), /"message":"last"/);
  const firsts = (body) => parseBody(body).flatMap((it) => it.batch ?? []);
  page.beaconBytes = 65_536;
  for (let at = 0; at < 20; at++) page.hide();
  const all = page.beacons.flatMap(({ body }) => firsts(body));
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(all.sort((a, b) => a - b), Object.keys(only(stored(page)).batches).map(Number).sort((a, b) => a - b));
  assert.ok(page.beacons.every(({ bytes }) => bytes <= 65_536));
  page.beaconBytes = 0;
  telemetry.event('x');
  page.hide(); // refused for good: no loop, no throw
});

test('blocked or full storage: events stay in memory, are sent, and are written when there is room', async () => {
  for (const quota of [0, 300]) {
    const page = openPage({ quota });
    const telemetry = createTelemetry(OPTIONS);
    for (let at = 0; at < 100; at++) telemetry.log('info', `event ${at}`);
    await microtasks();
    assert.equal(telemetry.stats().held, 100);
    page.local.quota = 1e6;
    page.hide();
    const events = parseBody(page.beacons[0].body).filter((it) => it.type);
    assert.deepEqual(events.map(({ data }) => data.message), Array.from({ length: 100 }, (_, at) => `event ${at}`));
    telemetry.event('later');
    await microtasks();
    assert.ok(only(stored(page)).batches[100]);
  }
  const page = openPage();
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get() { throw new DOMException('no', 'SecurityError'); } });
  const telemetry = createTelemetry({ ...OPTIONS, session: undefined });
  telemetry.event('a');
  page.hide();
  assert.equal(parseBody(page.beacons[0].body).length, 3);
});

test('persist: false stores nothing', async () => {
  const page = openPage();
  const telemetry = createTelemetry({ ...OPTIONS, session: undefined, persist: false });
  telemetry.error(new Error('x'));
  await microtasks();
  assert.deepEqual([page.keys(), Object.keys(page.session)], [[], []]);
  page.hide();
  assert.match(parseBody(page.beacons[0].body)[0].session, /^[\w-]{16}$/);
});

test('past the limit the oldest batches are dropped, counted before they are erased, and told', async () => {
  const page = openPage();
  const told = [];
  const telemetry = createTelemetry({
    ...OPTIONS,
    limits: { storageBytes: 20_000 },
    onDrop(reason, count) {
      told.push([reason, count]);
      telemetry.event('from onDrop');
      throw new Error('ignored');
    },
  });
  for (let at = 0; at < 1_000; at++) telemetry.log('info', `event ${at} ${'x'.repeat(100)}`);
  await microtasks();
  const { tracked, held, dropped, storedBytes } = telemetry.stats();
  assert.equal(tracked, held + dropped.full);
  assert.ok(tracked >= 1_000 && dropped.full > 500 && storedBytes <= 24_096);
  const { line, batches } = only(stored(page));
  assert.deepEqual(line.dropped, { full: [[0, dropped.full]] });
  assert.equal(Math.min(...Object.keys(batches).map(Number)), dropped.full);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(told.reduce((sum, [, count]) => sum + count, 0) >= dropped.full, true);
  assert.ok(told.every(([reason]) => reason === 'full'));
});

test('track from a patched setItem, sendBeacon or console neither loops within the task nor loses an event', async (t) => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  let nested = 0;
  const setItem = page.local.setItem;
  Object.defineProperty(page.local, 'setItem', {
    value(key, value) {
      if (nested < 50) telemetry.error(new Error(`nested ${nested++}`));
      setItem.call(page.local, key, value);
    },
  });
  telemetry.event('outer');
  await microtasks();
  assert.ok(nested >= 1 && nested < 50, 'the page gets a turn');
  while (nested < 50) await new Promise((resolve) => setTimeout(resolve));
  await new Promise((resolve) => setTimeout(resolve, 5));
  // An error loads the wasm, which is not there: so a drain has begun another stream.
  const batches = Object.values(stored(page)).flatMap((stream) => Object.values(stream.batches));
  assert.equal(batches.flatMap((value) => parseBody(value).slice(1)).length, 51);
  assert.equal(telemetry.stats().tracked, 51);
});

test('errors tracked where the stack is used up, wherever that throws, do not end the client', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  overflow(1_500, () => telemetry.error('deep'));
  await microtasks();
  telemetry.error('afterwards');
  const { tracked } = telemetry.stats();
  assert.ok(tracked > 1_000);
  // An error loads the wasm, which is not there: a drain may have begun another stream.
  const written = Object.values(stored(page)).flatMap((each) => Object.values(each.batches).map((value) => parseBody(value)));
  for (const [{ n }, ...events] of written) assert.equal(events.length, n);
  assert.equal(written.reduce((sum, [{ n }]) => sum + n, 0), tracked);
  assert.match(JSON.stringify(stored(page)), /afterwards/);
});

test('what a patched queueMicrotask or setTimeout tracks ends the task', async (t) => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  const calls = atEachTimer(t, () => telemetry.event('patched'));
  page.local.setItem = (key, value) => {
    telemetry.event('written');
    page.local[key] = value;
  };
  telemetry.error('first');
  assert.ok(calls() < 10, `${calls()}`);
});

test('the gate of the other tabs is heeded: off until, and not before', async () => {
  const page = openPage();
  const now = Date.now();
  page.local.setItem(`${PREFIX}gate`, JSON.stringify([0, now + 3_600_000]));
  assert.equal(createTelemetry(OPTIONS).stats().mode, 'off');
  page.local.setItem(`${PREFIX}gate`, JSON.stringify([0, now + 30 * 86_400_000])); // a broken clock's
  assert.equal(createTelemetry(OPTIONS).stats().mode, 'writer');
  page.local.setItem(`${PREFIX}gate`, JSON.stringify([now + 60_000, 0]));
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('stored');
  page.hide();
  assert.equal(page.beacons.length, 0);
});

test('without the wasm the writer stays in charge and says so', async (t) => {
  const page = openPage();
  t.mock.method(globalThis, 'fetch', () => Promise.reject(new TypeError('offline')));
  const telemetry = createTelemetry(OPTIONS); // there is no ./wasm beside the template
  telemetry.event('a');
  assert.deepEqual(await telemetry.flush({ timeout: 100 }), { delivered: 0, held: 1, dropped: 0 });
  assert.equal(telemetry.stats().mode, 'degraded');
  telemetry.event('b');
  await microtasks();
  const batches = Object.values(stored(page)).flatMap((stream) => Object.values(stream.batches));
  assert.deepEqual(batches.map((value) => parseBody(value)[0].n), [1, 1]);
  assert.deepEqual([telemetry.stats().tracked, telemetry.stats().held], [2, 2]);
});

test('flush never rejects, whatever it is given', async () => {
  openPage();
  const telemetry = createTelemetry({ ...OPTIONS, flag: 'ENABLED' });
  for (const how of [null, undefined, 7, { timeout: null }, { timeout: 1n }, { get timeout() { throw new Error('no'); } }]) {
    assert.equal(typeof (await telemetry.flush(how)).held, 'number');
  }
});

test('options that throw when read leave telemetry off', (t) => {
  openPage();
  t.mock.method(console, 'error', () => {});
  const telemetry = createTelemetry(Object.defineProperty({ ...OPTIONS }, 'debug', { enumerable: true, get() { throw new Error('no'); } }));
  telemetry.event('a');
  assert.equal(telemetry.stats().mode, 'off');
});

test('dispose stores, sends and lets go of everything', async () => {
  const page = openPage();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.event('a');
  assert.equal(page.listeners.size, 4);
  telemetry.dispose();
  await microtasks();
  assert.equal(page.listeners.size + page.locks.size, 0);
  assert.equal(parseBody(page.beacons[0].body)[0].closed, true);
  telemetry.event('b');
  telemetry.dispose();
  await microtasks();
  assert.equal(page.beacons.length, 1);
  assert.equal(telemetry.stats().mode, 'off');
});

test('methods work apart from the object, and debug mode warns of an unknown type once', async (t) => {
  const page = openPage();
  // As who tracks what the console is told.
  const warn = t.mock.method(console, 'warn', () => (track('warned', {}), true));
  const { track } = createTelemetry({ ...OPTIONS, debug: true });
  track('purchase', { sku: 1 });
  track('refund', { sku: 1 });
  await microtasks();
  assert.equal(warn.mock.callCount(), 1);
  assert.equal(parseBody(only(stored(page)).batches[0])[1].data.name, 'purchase');
});

test('the session is kept in the tab', () => {
  const page = openPage();
  createTelemetry({ ...OPTIONS, session: undefined });
  const session = page.session[`${PREFIX}session`];
  assert.match(session, /^[\w-]{16}$/);
  const telemetry = createTelemetry({ ...OPTIONS, session: undefined });
  telemetry.event('a');
  page.hide();
  assert.ok(page.beacons.some(({ body }) => parseBody(body)[0].session === session));
});
