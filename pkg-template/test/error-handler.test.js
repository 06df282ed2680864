import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { recorder } from './recorder.js';
import { openPage } from './support.js';

globalThis.Element ??= class {};
const { install, wrap } = await import('../error-handler.js');

const nodeFetch = globalThis.fetch;
let page;
let uninstall = () => {};

beforeEach(() => void (page = openPage()));
afterEach(() => {
  uninstall();
  globalThis.fetch = nodeFetch;
});

const start = (telemetry, options) => void (uninstall = install(telemetry, options));
const messages = ({ events }) => events.map(({ data }) => data.message);
/** What can be thrown, and neither be a text nor be read. */
const strange = () => [
  Symbol('x'),
  Object.create(null),
  Object.defineProperty(new Error('x'), 'stack', { get() { throw new Error('no stack'); } }),
  Object.defineProperty({}, 'message', { get() { throw new Error('no message'); } }),
];

test('what is thrown is what the app catches, and it is told, whatever it is', () => {
  const telemetry = recorder();
  start(telemetry);
  for (const thrown of strange()) {
    assert.throws(wrap(() => { throw thrown; }), (caught) => caught === thrown);
    page.fire('unhandledrejection', { reason: thrown });
  }
  uninstall();
  assert.equal(page.listeners.size, 0);
  assert.ok(telemetry.events.length >= 4, `${messages(telemetry)}`);
});

test('a repeat that cannot be a text keeps nobody from being counted', () => {
  const telemetry = recorder();
  start(telemetry);
  const fail = (reason) => page.fire('unhandledrejection', { reason });
  for (const _ of [1, 2]) fail(Object.create(null));
  for (const _ of [1, 2, 3, 4]) fail(new Error('plain'));
  uninstall();
  const plain = telemetry.events.filter(({ data }) => data.message === 'plain');
  assert.deepEqual(plain.reduce((sum, { data }) => sum + data.count, 0), 4);
});

test('a request that is rejected with nothing is rejected with nothing', async () => {
  for (const reason of [null, undefined, 0]) {
    globalThis.fetch = () => Promise.reject(reason);
    const telemetry = recorder();
    start(telemetry);
    await assert.rejects(async () => {
      try {
        await fetch('https://api.example/x');
      } catch (caught) {
        throw Object.assign(new Error('rejected'), { caught });
      }
    }, ({ caught }) => caught === reason);
    uninstall();
    assert.deepEqual(messages(telemetry), ['GET https://api.example/x failed']);
  }
});

test('requests that fail with one error are told each', async () => {
  const error = new DOMException('too late', 'TimeoutError');
  globalThis.fetch = () => Promise.reject(error);
  const telemetry = recorder();
  start(telemetry);
  await Promise.allSettled(['a', 'b', 'c'].map((path) => fetch(`https://api.example/${path}`)));
  uninstall();
  assert.deepEqual(messages(telemetry), ['a', 'b', 'c'].map((path) => `GET https://api.example/${path} failed`));
});

test('what fails after it was uninstalled is not told', async () => {
  let fail;
  globalThis.fetch = () => new Promise((_, reject) => (fail = reject));
  const telemetry = recorder();
  start(telemetry);
  const request = fetch('https://api.example/x');
  uninstall();
  fail(new TypeError('late'));
  await assert.rejects(request, /late/);
  await new Promise((resolve) => setTimeout(resolve, 150)); // over `UNHANDLED_MS`: it would be told by then
  assert.deepEqual(telemetry.events, []);
});

test('a scrub that gives no text, and a fetch that cannot be replaced, break no request', async () => {
  globalThis.fetch = () => Promise.resolve(new Response('ok'));
  for (const scrub of [() => false, () => new URL('https://x.example/'), () => Symbol('x')]) {
    start(recorder(), { scrub });
    assert.equal(await (await fetch('https://api.example/x')).text(), 'ok');
    uninstall();
  }
  const { fetch: own } = globalThis;
  Object.defineProperty(globalThis, 'fetch', { get: () => own, configurable: true });
  const telemetry = recorder();
  start(telemetry);
  page.fire('unhandledrejection', { reason: new Error('heard') });
  uninstall();
  assert.deepEqual(messages(telemetry), ['heard']);
  assert.equal(page.listeners.size, 0);
  Object.defineProperty(globalThis, 'fetch', { value: nodeFetch, configurable: true, writable: true });
});
