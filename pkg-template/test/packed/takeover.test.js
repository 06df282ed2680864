// From the facade's writer to the core, and back where that fails.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { atEachTimer, closePage, microtasks, openPage, overflow, parseBody } from '../support.js';
import { closeCores, load, openNetwork, sentEvents, trap, until, watchCores } from './support.js';

const { createTelemetry } = await load('index.js');
const { compile } = await load('core.js');
const { default: init, TelemetryClient } = await load('client.js');

// Node miscounts its timers where the stack ends inside `setTimeout`, and then does not wait for them: a port that listens keeps it.
const { port1: awake } = new MessageChannel();
awake.on('message', () => {});
after(() => awake.close());

const OPTIONS = { url: 'https://t.example/v1/events', key: 'k', session: 's1', flag: 'ENABLED', wasmUrl: undefined };
const message = ({ data }) => data.message;
const offline = () => Promise.reject(new TypeError('offline'));

let clients = [];
const start = (options = {}) => {
  const telemetry = createTelemetry({ ...OPTIONS, ...options });
  clients.push(telemetry);
  return telemetry;
};

/** A client whose core is there, and whose first event nobody takes. */
async function startOffline() {
  const network = openNetwork();
  network.answer = offline;
  const cores = watchCores();
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  return { network, cores, telemetry };
}

afterEach(() => {
  for (const client of clients) client.dispose();
  clients = [];
  closeCores();
  closePage();
});

/** What the storage has: `[key's last part, value]`. */
const stored = (page, stream) => page.keys().filter((key) => key.includes(stream)).map((key) => [key.split(':').pop(), page.local[key]]);

test('idle: the core goes on with the stream, what was written stays written, and what was not is sent', async () => {
  const page = openPage({ quota: 0 });
  const network = openNetwork();
  const telemetry = start();
  telemetry.log('info', 'before');
  telemetry.setUser('u1');
  telemetry.log('info', 'after');
  const { stream } = telemetry.stats();
  assert.equal(page.idle.length, 1, 'nothing is loaded before the page is idle');
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'wasm');
  assert.deepEqual([telemetry.stats().stream, telemetry.stats().tracked], [stream, 2]);
  telemetry.log('info', 'then');
  const flushed = await telemetry.flush();
  assert.deepEqual(flushed, { delivered: 3, held: 0, dropped: 0 });
  const events = sentEvents(network.requests, stream);
  assert.deepEqual([0, 1, 2].map((number) => message(events.get(number))), ['before', 'after', 'then']);
  const heads = network.requests.flatMap(({ body }) => parseBody(body)).filter((it) => it.n);
  assert.deepEqual(heads.map(({ batch, user }) => [batch, user]), [[0, undefined], [1, 'u1'], [2, 'u1']]);
});

test('the lock stays held through the handover, and goes with dispose, as every listener does', async () => {
  const page = openPage();
  openNetwork();
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  const { stream } = telemetry.stats();
  assert.deepEqual([...page.locks].map((name) => name.split(':')[2]), [stream]);
  assert.ok(page.listeners.size > 0);
  telemetry.dispose();
  await microtasks();
  assert.deepEqual([page.locks.size, page.listeners.size], [0, 0]);
});

test('what is stored is not written again, and erased when it is acknowledged', async () => {
  const page = openPage();
  openNetwork();
  const telemetry = start();
  telemetry.log('info', 'stored');
  await microtasks();
  const { length } = page.local.writes;
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'wasm');
  assert.equal(page.local.writes.length, length);
  await telemetry.flush();
  assert.deepEqual(stored(page, telemetry.stats().stream).map(([part]) => part), ['s']);
});

test('what is tracked by a patched setItem while the core begins gets one number', async () => {
  const page = openPage();
  openNetwork();
  const telemetry = start();
  const { setItem } = page.local;
  let nested = 0;
  page.local.quota = 0;
  telemetry.log('info', 'waits for room');
  await microtasks();
  page.local.quota = 1e6;
  Object.defineProperty(page.local, 'setItem', {
    value(key, value) {
      if (nested++ < 1) telemetry.log('info', 'nested');
      setItem.call(page.local, key, value);
    },
  });
  page.idle[0]();
  await until(() => telemetry.stats().tracked === 2);
  const { delivered, dropped } = await telemetry.flush();
  assert.deepEqual([delivered, dropped], [2, 0]);
});

for (const [name, call] of [['track', 'track'], ['tell', 'tell'], ['poll', 'poll'], ['word', 'word'], ['push', 'push']]) {
  test(`a trap in ${name} loses nothing: a fresh core goes on with the same batches`, async () => {
    const page = openPage({ quota: 400 }); // some batches fit, others do not
    const { network, cores, telemetry } = await startOffline();
    const { stream } = telemetry.stats();
    telemetry.setContext({ a: 1 });
    telemetry.log('info', 'before');
    await microtasks();
    let traps = 1;
    cores.inside = (called) => called === call && traps-- > 0 && trap();
    telemetry.log('info', 'while it traps');
    telemetry.log('info', 'right after');
    await until(() => cores.made === 2 && telemetry.stats().tracked === 4);
    assert.equal(telemetry.stats().mode, 'wasm');
    cores.inside = () => {};
    delete network.answer;
    Object.assign(network, { answer: openNetwork().answer });
    globalThis.fetch = async (url, init) => {
      network.requests.push({ url, body: init.body });
      return network.answer(init.body);
    };
    page.fire('online');
    await until(() => telemetry.stats().delivered === 4);
    const events = sentEvents(network.requests, stream);
    assert.deepEqual([0, 1, 2, 3].map((number) => message(events.get(number))), ['needs it', 'before', 'while it traps', 'right after']);
    assert.deepEqual(telemetry.stats().dropped, {});
  });
}

test('what a stored batch had grown by when the core traps is written by the fresh one', async () => {
  const page = openPage();
  const { cores, telemetry } = await startOffline();
  const isStored = (text) => stored(page, telemetry.stats().stream).some(([, value]) => value.includes(text));
  telemetry.setContext({ a: 1 });
  telemetry.log('info', 'written');
  await microtasks();
  assert.ok(isStored('written'));
  let traps = 1;
  cores.inside = (called) => called === 'poll' && traps-- > 0 && trap();
  telemetry.log('info', 'grown');
  await until(() => cores.made === 2 && telemetry.stats().tracked === 3);
  await microtasks();
  assert.ok(isStored('grown'));
});

test('a second trap within a minute is the last: the writer goes on under a new stream, and no event is lost or doubled', async () => {
  const page = openPage();
  const { cores, telemetry } = await startOffline();
  const { stream } = telemetry.stats();
  telemetry.setContext({ a: 1 });
  cores.inside = (name) => name === 'track' && trap();
  telemetry.log('info', 'lost otherwise');
  await until(() => telemetry.stats().mode === 'degraded');
  assert.equal(cores.made, 2);
  assert.notEqual(telemetry.stats().stream, stream);
  await microtasks();
  const own = Object.fromEntries(stored(page, telemetry.stats().stream));
  const [head, event] = parseBody(own[0]);
  assert.deepEqual([head.batch, head.n, head.context, message(event)], [0, 1, { a: 1 }, 'lost otherwise']);
  await until(() => stored(page, stream).some(([part, value]) => part === 's' && JSON.parse(value).closed), 'the last line');
  const old = Object.fromEntries(stored(page, stream));
  assert.deepEqual([JSON.parse(old.s).tracked, JSON.parse(old.s).holds, JSON.parse(old.s).dropped], [1, [[0, 1]], {}]);
  assert.deepEqual(parseBody(old[0]).slice(1).map(message), ['needs it']);
  await until(() => page.locks.size === 1);
  assert.equal(page.listeners.size, 4, "the writer's");
});

test('after a second trap, what no storage takes is counted, and a beacon tries to bring it', async () => {
  const page = openPage({ quota: 0 });
  const { cores, telemetry } = await startOffline();
  const { stream } = telemetry.stats();
  cores.inside = (name) => name === 'track' && trap();
  telemetry.log('info', 'goes on');
  await until(() => page.beacons.length);
  const [line, head, event] = parseBody(page.beacons[0].body);
  assert.deepEqual([line.stream, line.tracked, line.dropped, line.closed], [stream, 1, { trap: [[0, 1]] }, true]);
  assert.deepEqual([head.batch, message(event)], [0, 'needs it']);
  assert.equal(telemetry.stats().tracked, 1);
});

test('what comes between the last trap and the writer is the writer\'s', async () => {
  openPage();
  const { cores, telemetry } = await startOffline();
  let traps = 2;
  cores.inside = (name) => name === 'track' && traps-- > 0 && trap();
  telemetry.log('info', 'the first');
  await until(() => traps === 0);
  await microtasks();
  telemetry.log('info', 'between');
  await until(() => telemetry.stats().mode === 'degraded');
  await until(() => telemetry.stats().tracked === 2);
});

test('a line that is none spoils no batch where it comes between the last trap and the writer', async () => {
  const page = openPage();
  const network = openNetwork();
  network.answer = offline;
  const cores = watchCores();
  await init();
  const client = new TelemetryClient(OPTIONS);
  clients.push(client);
  let traps = 2;
  cores.inside = (name) => {
    if (name !== 'track' || !traps) return;
    traps--;
    queueMicrotask(() => {
      if (traps) return;
      client.trackLine('none');
      client.log('info', 'then');
    });
    trap();
  };
  client.log('info', 'the first');
  await until(() => page.keys().some((key) => (page.local[key] ?? '').includes('then')));
  const value = page.keys().map((key) => page.local[key]).find((text) => text.includes('then'));
  const [{ n }, ...events] = value.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(events.length, n);
});

test('what a patched setTimeout or queueMicrotask tracks ends the task', async (t) => {
  openPage();
  openNetwork();
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  const calls = atEachTimer(t, () => telemetry.event('patched'));
  telemetry.error('first');
  telemetry.event('second');
  assert.ok(calls() < 20, `${calls()}`);
  t.mock.restoreAll();
  await telemetry.flush();
  const { tracked, delivered } = telemetry.stats();
  assert.equal(delivered, tracked);
});

test('where a patched queueMicrotask throws, the next event has the end of the task instead', async (t) => {
  const page = openPage();
  openNetwork();
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  t.mock.method(globalThis, 'queueMicrotask', () => {
    throw new Error('patched');
  });
  telemetry.event('numbered all the same');
  t.mock.restoreAll();
  telemetry.event('the next');
  await null; // behind the microtask that it asked for
  const kept = page.keys().map((key) => page.local[key]).join('');
  assert.ok(kept.includes('numbered all the same') && kept.includes('the next'), kept);
  await telemetry.flush();
  const { tracked, delivered } = telemetry.stats();
  assert.deepEqual([tracked, delivered], [3, 3]);
});

test('errors tracked where the stack is used up, wherever that throws, are delivered', async () => {
  openPage();
  const network = openNetwork();
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  overflow(1_500, () => telemetry.error('deep'));
  await new Promise((resolve) => setTimeout(resolve));
  telemetry.error('afterwards');
  assert.equal((await telemetry.flush()).held, 0);
  const { mode, tracked, delivered } = telemetry.stats();
  assert.equal(mode, 'wasm');
  assert.ok(tracked > 1_000);
  assert.equal(delivered, tracked);
  assert.ok(network.requests.some(({ body }) => body.includes('afterwards')));
});

test('a request that is due where the stack is used up is made later, and answered', async () => {
  for (let run = 0; run < 80; run++) {
    openPage();
    openNetwork();
    const telemetry = start({ limits: { flushAfter: 1 } });
    telemetry.error('needs it');
    await until(() => telemetry.stats().mode === 'wasm' && !telemetry.stats().held);
    for (let n = 0; n < 215 + (run % 41); n++) telemetry.event('burst');
    const due = Date.now() + 2;
    while (Date.now() < due);
    // The 257th of a task is in one of the last frames, of a size that differs; with those of `overflow` the stack ends elsewhere.
    let left = 45;
    const dive = (...pad) => {
      try {
        dive(...pad);
      } catch (error) {
        if (left-- > 0) telemetry.event('deep');
        throw error;
      }
    };
    assert.throws(() => dive(...Array(run % 7).fill(0)), RangeError);
    await new Promise((resolve) => setTimeout(resolve));
    telemetry.event('afterwards');
    assert.equal((await telemetry.flush({ timeout: 2_000 })).held, 0, `run ${run}`);
    telemetry.dispose();
  }
});

test('a stream that was left before a trap is another\'s after it', async () => {
  const page = openPage();
  const { network, cores, telemetry } = await startOffline();
  const { stream } = telemetry.stats();
  page.fire('pagehide');
  await until(() => page.locks.size === 0);
  page.locks.add(page.keys().find((key) => key.includes(stream)).slice(0, -2)); // another tab takes it
  page.fire('pageshow', { persisted: true });
  let traps = 1;
  cores.inside = (name) => name === 'track' && traps-- > 0 && trap();
  telemetry.log('info', 'back');
  await until(() => cores.made === 2);
  const { answer } = openNetwork();
  globalThis.fetch = async (url, init) => (network.requests.push({ url, body: init.body }), answer(init.body));
  page.fire('online');
  await until(() => telemetry.stats().delivered === 1);
  await microtasks();
  assert.deepEqual([telemetry.stats().tracked, telemetry.stats().dropped], [1, {}]);
});

test('the drops that a trapped core had counted stay counted', async () => {
  openPage({ quota: 0 });
  const network = openNetwork();
  network.answer = (body) => {
    const rejected = parseBody(body).filter((it) => it.n).map(({ batch }) => ({ batch, reason: 'json' }));
    return new Response(JSON.stringify({ stored: [], rejected }));
  };
  const cores = watchCores();
  const telemetry = start();
  telemetry.error('rejected');
  await until(() => telemetry.stats().dropped?.rejected === 1);
  network.answer = offline;
  let traps = 1;
  cores.inside = (name) => name === 'track' && traps-- > 0 && trap();
  telemetry.log('info', 'next');
  await until(() => cores.made === 2 && telemetry.stats().tracked === 2);
  assert.deepEqual([telemetry.stats().dropped, telemetry.stats().held], [{ rejected: 1 }, 1]);
});

test('a trap beside an adopted stream: the own stream goes on, and the other is adopted again', async () => {
  const page = openPage();
  const network = openNetwork();
  network.answer = offline;
  const cores = watchCores();
  const telemetry = start();
  telemetry.error('needs it');
  const prefix = page.keys()[0].split(':').slice(0, 2).join(':');
  const born = Buffer.alloc(16);
  born.writeUIntBE(Date.now() - 60_000, 0, 6);
  const other = born.toString('base64url');
  page.local.setItem(`${prefix}:${other}:0`, '{"batch":0,"n":1,"page":"/old"}\n{"type":"log","ts":1,"data":{"message":"dead"}}\n');
  await until(() => telemetry.stats().mode === 'wasm' && telemetry.stats().tracked === 2, 'adopted');
  const { stream } = telemetry.stats();
  let traps = 1;
  cores.inside = (name) => name === 'track' && traps-- > 0 && trap();
  telemetry.log('info', 'while it traps');
  await until(() => cores.made === 2 && telemetry.stats().tracked === 3, 'both again');
  assert.equal(telemetry.stats().stream, stream);
  const { answer } = openNetwork();
  globalThis.fetch = async (url, init) => (network.requests.push({ url, body: init.body }), answer(init.body));
  page.fire('online');
  await until(() => telemetry.stats().delivered === 3, 'delivered');
  assert.deepEqual([...sentEvents(network.requests, other).values()].map(message), ['dead']);
  assert.deepEqual([...sentEvents(network.requests, stream).values()].map(message), ['needs it', 'while it traps']);
});

test('wasm that could not be fetched is fetched again once the page is online, and not for every error', async (t) => {
  const page = openPage();
  const network = openNetwork();
  network.serve = offline;
  // The module of the tests before is compiled already: another url is another page's.
  const { createTelemetry } = await load('index.js?offline');
  const telemetry = createTelemetry(OPTIONS);
  clients.push(telemetry);
  t.mock.method(WebAssembly, 'Instance', trap, { times: 1 });
  telemetry.error('first');
  await until(() => telemetry.stats().mode === 'degraded');
  const { files } = network;
  telemetry.error('second');
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([telemetry.stats().mode, network.files], ['degraded', files]);
  page.fire('online');
  await until(() => telemetry.stats().mode === 'wasm');
});

test('wasm that arrives while the page is in the back/forward cache waits for it to come back', async () => {
  const page = openPage();
  openNetwork();
  const telemetry = start();
  telemetry.error('needs it');
  page.fire('pagehide');
  await compile();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(telemetry.stats().mode, 'writer');
  page.fire('pageshow', { persisted: true });
  await until(() => telemetry.stats().mode === 'wasm');
  assert.equal(telemetry.stats().tracked, 0);
});

test('what another tab has delivered and erased since beforeunload is no loss', async () => {
  const page = openPage();
  const network = openNetwork();
  network.answer = offline;
  page.beaconBytes = 0;
  const drops = [];
  const telemetry = start({ onDrop: (reason) => drops.push(reason) });
  const { stream } = telemetry.stats();
  telemetry.log('info', 'x'.repeat(4000));
  telemetry.log('info', 'y'.repeat(4000)); // the first is in the storage alone now
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  page.fire('beforeunload');
  await until(() => !page.locks.has(page.keys().find((key) => key.includes(stream)).slice(0, -2)));
  for (const key of page.keys().filter((key) => key.includes(stream))) page.local.removeItem(key);

  page.beaconBytes = 65_536;
  page.fire('beforeunload');
  assert.ok(page.beacons.some(({ body }) => body.includes('needs it')), 'what memory has is sent');
  await microtasks();
  assert.deepEqual([drops, telemetry.stats().dropped], [[], {}]);
});

test('a request whose message the back/forward cache has lost holds up none', async () => {
  const page = openPage();
  const network = openNetwork();
  network.answer = () => new Promise(() => {});
  const Channel = globalThis.MessageChannel;
  let posted = 0;
  globalThis.MessageChannel = class extends Channel {
    constructor() {
      super();
      const { postMessage } = this.port2;
      this.port2.postMessage = () => posted++ && postMessage();
    }
  };
  const telemetry = start();
  telemetry.error('before');
  await until(() => posted === 1);
  page.fire('pagehide', { persisted: true });
  page.fire('pageshow', { persisted: true });
  telemetry.error('after');
  const { stream } = telemetry.stats();
  await until(() => sentEvents(network.requests, stream).size === 1, 'the request after it');
});

test('who has let go before the page is idle fetches no wasm, and wasm that arrives later is not used', async () => {
  const page = openPage();
  const network = openNetwork();
  const cores = watchCores();
  const telemetry = start();
  telemetry.dispose();
  page.idle[0]();
  assert.deepEqual(await telemetry.flush({ timeout: 50 }), { delivered: 0, held: 0, dropped: 0 });
  assert.deepEqual([network.files, cores.made], [0, 0]);
  const late = start();
  late.error('needs it');
  late.dispose();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([late.stats().mode, page.listeners.size], ['off', 0]);
});

test('flush ends although the collector never answers', async () => {
  openPage();
  const network = openNetwork();
  network.answer = () => new Promise(() => {});
  const telemetry = start();
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  assert.deepEqual(await telemetry.flush({ timeout: 5 }), { delivered: 0, held: 1, dropped: 0 });
});

test('the client without the facade begins at once, and counts what is no event', async () => {
  openPage();
  const network = openNetwork();
  const { default: init, TelemetryClient } = await load('client.js');
  await init();
  const client = new TelemetryClient(OPTIONS);
  clients.push(client);
  client.log('info', 'first');
  client.trackLine('{"type":"event","ts":1,"data":{}}');
  client.trackLine('no event');
  assert.deepEqual(await client.flush({ timeout: 4_000 }), { delivered: 2, held: 0, dropped: 1 });
  assert.deepEqual(client.stats().dropped, { invalid: 1 });
  assert.equal(sentEvents(network.requests, client.stats().stream).size, 2);
});

test('the client without the facade goes on after a second trap too, and what it tracks is delivered', async () => {
  openPage();
  const network = openNetwork();
  const cores = watchCores();
  const { default: init, TelemetryClient } = await load('client.js');
  await init();
  const client = new TelemetryClient(OPTIONS);
  clients.push(client);
  client.log('info', 'before');
  await client.flush();
  assert.equal(client.stats().mode, 'wasm');
  cores.inside = (name) => name === 'track' && trap();
  client.log('info', 'while it traps');
  await until(() => client.stats().mode === 'degraded');
  client.log('info', 'after');
  await client.flush();
  const sent = network.requests.map(({ body }) => body).join('');
  for (const text of ['before', 'while it traps', 'after']) assert.equal(sent.split(`"${text}"`).length, 2, text);
});

test('the client without the facade listens to nothing once it is disposed of, after a second trap too', async () => {
  const page = openPage();
  openNetwork();
  const cores = watchCores();
  const { default: init, TelemetryClient } = await load('client.js');
  await init();
  const client = new TelemetryClient(OPTIONS);
  cores.inside = (name) => name === 'track' && trap();
  client.log('info', 'while it traps');
  await until(() => client.stats().mode === 'degraded');
  assert.notEqual(page.listeners.size, 0);
  client.dispose();
  assert.equal(page.listeners.size, 0);
});

/** Leaves a stream of a page that is gone; of its batches, one a message, that with the word `poison` takes exactly so many bytes. */
const POISON_BYTES = 3_137;
function leaveDead(page, messages) {
  const prefix = page.keys()[0].split(':').slice(0, 2).join(':');
  const born = Buffer.alloc(16);
  born.writeUIntBE(Date.now() - 60_000, 0, 6);
  const stream = born.toString('base64url');
  messages.forEach((text, at) => {
    const batch = (filling) => `{"batch":${at},"n":1,"page":"/old"}\n{"type":"log","ts":1,"data":{"message":"${text}${filling}"}}\n`;
    const filling = text === 'poison' ? POISON_BYTES - batch('').length : 0;
    page.local.setItem(`${prefix}:${stream}:${at}`, batch('x'.repeat(filling)));
  });
  return stream;
}

test('a stored batch that traps two cores is counted as poison, told, and erased; the wasm goes on with the rest', async () => {
  const page = openPage();
  const network = openNetwork();
  const cores = watchCores((name, word) => name === 'push' && word === POISON_BYTES && trap());
  const told = [];
  const telemetry = start({ onDrop: (...drop) => told.push(drop) });
  telemetry.log('info', 'own');
  await microtasks();
  const dead = leaveDead(page, ['before', 'poison', 'after']);
  page.idle[0]();
  await until(() => !stored(page, dead)[0]);
  assert.deepEqual([telemetry.stats().mode, cores.made], ['wasm', 3]);
  assert.deepEqual(told, [['poison', 1]]);
  const lines = network.requests.map(({ body }) => parseBody(body)[0]).filter(({ stream }) => stream === dead);
  assert.deepEqual([lines.at(-1).tracked, lines.at(-1).dropped], [3, { poison: [[1, 2]] }]);
  assert.deepEqual([...sentEvents(network.requests, dead).values()].map((event) => message(event).slice(0, 6)), ['before', 'after']);
  const { delivered, dropped } = telemetry.stats();
  assert.deepEqual([delivered, dropped], [3, { poison: 1 }]);
});

test('two of them are more than a batch that is spoilt: the page ends degraded, and the drain delivers the second', async () => {
  const page = openPage();
  const network = openNetwork();
  watchCores((name, word) => name === 'push' && word === POISON_BYTES && trap());
  const telemetry = start();
  telemetry.log('info', 'own');
  await microtasks();
  const dead = leaveDead(page, ['poison', 'poison', 'after']);
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'degraded');
  await until(() => !stored(page, dead)[0]);
  const lines = network.requests.map(({ body }) => parseBody(body)[0]).filter(({ stream }) => stream === dead);
  assert.deepEqual([lines.at(-1).tracked, lines.at(-1).dropped], [3, { poison: [[0, 1]] }]);
  assert.deepEqual([...sentEvents(network.requests, dead).values()].map((event) => message(event).slice(0, 6)), ['poison', 'after']);
});

test('where nothing more can be fetched at the second trap, all that was tracked is stored all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'beaconry-'));
  cpSync(process.env.BEACONRY_PACKAGE, folder, { recursive: true });
  for (const name of ['last-line.js', 'drain.js']) rmSync(join(folder, name));
  const { createTelemetry } = await import(`${folder}/index.js`);
  const page = openPage();
  const network = openNetwork();
  network.answer = offline;
  const cores = watchCores();
  const telemetry = createTelemetry(OPTIONS);
  clients.push(telemetry);
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'wasm');
  cores.inside = (name) => name === 'poll' && trap();
  telemetry.log('info', 'tracked, and not written yet');
  await until(() => telemetry.stats().mode === 'degraded');
  telemetry.log('info', 'goes on');
  await microtasks();
  const all = page.keys().map((key) => page.local[key]).join('');
  for (const text of ['needs it', 'and not written yet', 'goes on']) assert.ok(all.includes(text), text);
  assert.deepEqual([cores.made, page.locks.size], [2, 2], 'nobody else takes the stream before it is written down');
  cpSync(join(process.env.BEACONRY_PACKAGE, 'last-line.js'), join(folder, 'last-line.js'));
  page.fire('online');
  await until(() => page.locks.size === 1, 'it is');
  rmSync(folder, { recursive: true });
});
