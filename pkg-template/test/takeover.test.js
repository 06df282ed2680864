// A trap cannot be had from the real wasm at will: here a client stands in for it that records, and fails when told to.
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { afterEach, test } from 'node:test';
import { closePage, microtasks, openPage, parseBody } from './support.js';

const STAND_IN = `
  export default (source) => globalThis.standIn.init(source);
  export class TelemetryClient {
    constructor(options, handover) {
      this.calls = [];
      globalThis.standIn.made(this, options, handover);
      handover.host = new Proxy(this, {
        get: (target, name) => (...args) => {
          target.calls.push([name, ...args]);
          return globalThis.standIn.call(name, args);
        },
      });
    }
  }`;
register(
  `data:text/javascript,${encodeURIComponent(`
  export const resolve = (specifier, context, next) => specifier.endsWith('/wasm/beaconry.js')
    ? { url: 'data:text/javascript,' + ${JSON.stringify(encodeURIComponent(STAND_IN))}, shortCircuit: true }
    : next(specifier, context);`)}`,
);
const { createTelemetry } = await import('../index.js');

const OPTIONS = { url: '/v1/events', key: 'k', session: 's1', flag: 'ENABLED' };
const message = ({ data }) => data.message;
/** Lets timers, imports and promises run until `done`. */
async function until(done) {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function standIn(over = {}) {
  const it = {
    clients: [],
    init: () => {},
    made: (client, options, handover) => it.clients.push({ calls: client.calls, options, handover }),
    call: (name) => (name === 'flush' ? Promise.resolve({ delivered: 7, held: 0, dropped: 0 }) : name === 'stats' ? { tracked: 9 } : undefined),
    ...over,
  };
  globalThis.standIn = it;
  return it;
}

afterEach(closePage);

test('idle: the client continues the stream, with what no storage has, and the facade lets go', async () => {
  const page = openPage({ quota: 0 });
  const wasm = standIn();
  const telemetry = createTelemetry({ ...OPTIONS, wasmUrl: '/x.wasm' });
  let source;
  wasm.init = (given) => (source = given);
  telemetry.log('info', 'before');
  telemetry.setUser('u1');
  telemetry.log('info', 'after');
  const { stream } = telemetry.stats();
  assert.equal(page.idle.length, 1, 'nothing is loaded before the page is idle');
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'wasm');
  assert.deepEqual(source, { module_or_path: '/x.wasm' });
  const [{ handover, calls }] = wasm.clients;
  const [line, first, before, second, after] = parseBody(handover.body);
  assert.deepEqual([line.stream, line.tracked, line.holds, line.closed], [stream, 2, [[0, 2]], false]);
  assert.deepEqual([first.batch, first.user, second.batch, second.user], [0, undefined, 1, 'u1']);
  assert.deepEqual([before, after].map(message), ['before', 'after']);
  assert.equal(handover.session, 's1');
  assert.deepEqual(calls.slice(0, 2), [['setUser', 'u1'], ['setContext', null]]);
  assert.equal(page.listeners.size, 0);
  assert.equal(page.locks.size, 1, 'the lock stays held, and goes with the handover');
  handover.unlock();
  await microtasks();
  assert.equal(page.locks.size, 0);
  telemetry.log('info', 'forwarded');
  telemetry.error('at once');
  const lines = calls.filter(([name]) => name === 'trackLine').map(([, text]) => message(JSON.parse(text)));
  assert.deepEqual(lines, ['forwarded', 'at once']);
  assert.deepEqual(await telemetry.flush(), { delivered: 7, held: 0, dropped: 0 });
  assert.deepEqual(telemetry.stats(), { tracked: 9, mode: 'wasm' });
  telemetry.dispose();
  assert.equal(calls.at(-1)[0], 'dispose');
});

test('what storage has is not handed over', async () => {
  openPage();
  const wasm = standIn();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.error('first need of the wasm');
  await until(() => wasm.clients.length);
  assert.equal(parseBody(wasm.clients[0].handover.body).length, 1);
});

test('a client that throws is dead: the writer goes on under a new stream, and no event is lost or doubled', async () => {
  const page = openPage();
  const wasm = standIn();
  const telemetry = createTelemetry(OPTIONS);
  telemetry.setContext({ a: 1 });
  const { stream } = telemetry.stats();
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'wasm');
  wasm.call = (name, lines) => {
    wasm.clients[0].handover.unlock();
    wasm.clients[0].handover.failed(lines);
  };
  telemetry.log('info', 'lost otherwise');
  assert.equal(telemetry.stats().mode, 'degraded');
  assert.notEqual(telemetry.stats().stream, stream);
  await microtasks();
  assert.deepEqual([...page.locks], [`bcn1:${page.keys().at(-1).split(':')[1]}:${telemetry.stats().stream}`]);
  const [head, event] = parseBody(page.local[page.keys().find((key) => key.endsWith(':0'))]);
  assert.deepEqual([head.batch, head.n, head.context, message(event)], [0, 1, { a: 1 }, 'lost otherwise']);
  assert.equal(page.listeners.size, 4);

  const again = createTelemetry({ ...OPTIONS, app: 'other' });
  Object.assign(wasm, { call: () => {} });
  page.idle[1]();
  await until(() => again.stats().mode === 'wasm');
  wasm.call = (name, [line]) => {
    if (name === 'trackLine') page.local.setItem('bcn1:00000000:x:0', `{"batch":0,"n":1}\n${line}\n`);
    wasm.clients[1].handover.failed([line]);
  };
  again.log('info', 'stored before the trap');
  assert.equal(again.stats().tracked, 0, 'it has its number already');
});

test('what is tracked while the client begins gets its number from the client alone', async () => {
  const page = openPage();
  let telemetry;
  const calls = [];
  const wasm = standIn({
    made() { telemetry.log('info', 'from a patched setItem'); },
    call: (name, [line]) => void calls.push([name, line]),
  });
  telemetry = createTelemetry(OPTIONS);
  telemetry.log('info', 'before');
  await microtasks();
  const keys = page.keys();
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'wasm');
  await microtasks();
  assert.deepEqual(page.keys(), keys, 'the writer writes no more');
  const lines = calls.filter(([name]) => name === 'trackLine').map(([, line]) => message(JSON.parse(line)));
  assert.deepEqual(lines, ['from a patched setItem']);
  assert.deepEqual(wasm.clients, []);
});

test('what is tracked while a client traps is the writer\'s', async () => {
  openPage();
  let telemetry;
  standIn({ made() { telemetry.log('info', 'meanwhile'); throw new WebAssembly.RuntimeError('unreachable'); } });
  telemetry = createTelemetry(OPTIONS);
  telemetry.error('needs it');
  await until(() => telemetry.stats().mode === 'degraded');
  assert.equal(telemetry.stats().tracked, 2);
});

test('a client that traps as it is made leaves the writer and its stream as they were', async () => {
  const page = openPage();
  let made = 0;
  standIn({ made() { made++; throw new WebAssembly.RuntimeError('unreachable'); } });
  const telemetry = createTelemetry(OPTIONS);
  const { stream } = telemetry.stats();
  telemetry.log('info', 'a');
  page.idle[0]();
  await until(() => telemetry.stats().mode === 'degraded');
  telemetry.log('info', 'b');
  assert.deepEqual([telemetry.stats().stream, telemetry.stats().tracked, page.listeners.size], [stream, 2, 4]);
  page.fire('online');
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(made, 1, 'a trap is not asked for again');
});

test('wasm that could not be fetched is fetched again once the page is online, and not for every error', async () => {
  const page = openPage();
  let asked = 0;
  const wasm = standIn({ init: () => (++asked === 1 ? Promise.reject(new TypeError('offline')) : undefined) });
  const telemetry = createTelemetry(OPTIONS);
  telemetry.error('first');
  await until(() => telemetry.stats().mode === 'degraded');
  const { stream } = telemetry.stats();
  telemetry.error('second');
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(asked, 1);
  page.fire('online');
  await until(() => telemetry.stats().mode === 'wasm');
  assert.deepEqual([asked, wasm.clients.length, page.listeners.size], [2, 1, 0]);
  assert.ok(wasm.clients[0].handover.body.startsWith(`{"stream":"${stream}"`));
});

test('wasm that arrives while the page is in the back/forward cache waits for it to come back', async () => {
  const page = openPage();
  let ready;
  const wasm = standIn({ init: () => new Promise((resolve) => (ready = resolve)) });
  const telemetry = createTelemetry(OPTIONS);
  telemetry.error('needs it');
  await until(() => ready);
  page.fire('pagehide');
  ready();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(wasm.clients.length, 0);
  page.fire('pageshow', { persisted: true });
  await until(() => wasm.clients.length);
  assert.equal(parseBody(wasm.clients[0].handover.body)[0].tracked, 0);
});

test('wasm that arrives after dispose is not used, and flush keeps its time-out', async () => {
  const page = openPage();
  let ready;
  const wasm = standIn({ init: () => new Promise((resolve) => (ready = resolve)) });
  const telemetry = createTelemetry(OPTIONS);
  telemetry.error('needs it');
  await until(() => ready);
  assert.deepEqual(await telemetry.flush({ timeout: 5 }), { delivered: 0, held: 1, dropped: 0 });
  telemetry.dispose();
  ready();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(wasm.clients.length, 0);
  assert.equal(page.listeners.size, 0);
});

test('flush ends although the client never answers', async () => {
  const page = openPage();
  const wasm = standIn();
  const telemetry = createTelemetry(OPTIONS);
  page.idle[0]();
  await until(() => wasm.clients.length);
  wasm.call = (name, [how]) => (name === 'flush' ? new Promise((done) => setTimeout(() => done({ delivered: 0, held: 0, dropped: 0 }), how.timeout)) : undefined);
  assert.deepEqual(await telemetry.flush({ timeout: 5 }), { delivered: 0, held: 0, dropped: 0 });
});

test('who has let go before the page is idle fetches no wasm', async () => {
  const page = openPage();
  const wasm = standIn();
  let fetched = false;
  wasm.init = () => (fetched = true);
  const telemetry = createTelemetry(OPTIONS);
  telemetry.dispose();
  page.idle[0]();
  assert.deepEqual(await telemetry.flush({ timeout: 50 }), { delivered: 0, held: 0, dropped: 0 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(fetched, false);
});
