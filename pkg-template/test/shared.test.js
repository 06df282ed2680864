import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { cleaner, isOwnFile, isOwnRequest } from '../shared/addresses.js';
import { damper } from '../shared/damper.js';
import { describe } from '../shared/describe.js';
import { patch } from '../shared/patch.js';
import { addressOf } from '../writer.js';
import { newId } from '../flag.js';

afterEach(() => {
  delete globalThis.document;
  delete globalThis.location;
  mock.timers.reset();
});

function page(href) {
  globalThis.document = { baseURI: href };
  globalThis.location = new URL(href);
}

test('on a server the modules can be imported, and do nothing', async () => {
  const off = { stats: () => ({ mode: 'off' }) };
  for (const name of ['logger', 'error-handler', 'performance']) {
    const { install } = await import(`../${name}.js`);
    install(off)();
  }
  const { wrap } = await import('../error-handler.js');
  assert.equal(wrap((x) => x + 1)(1), 2);
  assert.throws(wrap(() => { throw new RangeError('x'); }), RangeError);
  await assert.rejects(wrap(async () => { throw new RangeError('x'); })(), RangeError);
});

test('the client\'s own requests are known by their query, wherever the collector is', () => {
  for (const url of ['https://t.example/v1/events', '/v1/events', 'https://t.example/ingest.php?site=a']) {
    assert.ok(isOwnRequest(addressOf({ url, key: 'a key&' }, newId())), url);
  }
  for (const url of ['/v1/events', '/api?key=a&stream=b&now=1', '/api/cart?key=a']) assert.ok(!isOwnRequest(url), url);
});

test('the client\'s own files are known, as they are and with a bundler\'s hash', () => {
  for (const path of [
    '/node_modules/beaconry/wasm/beaconry_bg.wasm', '/beaconry/platform/host.js', '/npm/beaconry@0.1.0/takeover.js',
    '/assets/beaconry_bg-CkT3x-1a.wasm', '/assets/takeover-B1a_x.js', '/node_modules/.vite/deps/beaconry.js?v=1f',
  ]) assert.ok(isOwnFile(`https://shop.example${path}`), path);
  for (const path of ['/assets/index-B1a.js', '/beaconry-shop/cart.js', '/takeovers/list.js', '/cart']) {
    assert.ok(!isOwnFile(`https://shop.example${path}`), path);
  }
});

test('an address loses query, fragment, user and password, and of the own origin all but the path', () => {
  page('https://shop.example/a/b?x#y');
  const { address } = cleaner();
  for (const [given, kept] of [
    ['https://shop.example/cart?token=1#pay', '/cart'], ['c?d', '/a/c'], ['//cdn.example/x.js?1', 'https://cdn.example/x.js'],
    ['https://me:secret@api.example:8443/x', 'https://api.example:8443/x'], ['wss://shop.example/live?t=1', 'wss://shop.example/live'],
    ['data:text/plain,secret', 'data:'], ['blob:https://shop.example/1-2', 'blob:'], ['http://[', ''],
  ]) assert.equal(address(given), kept, given);
});

test('addresses in messages and stacks stay absolute, with line and column', () => {
  page('https://shop.example/');
  const { text } = cleaner();
  for (const [given, kept] of [
    ['at f (https://a.example/x.js?v=1&t=a:b#h:10:5)', 'at f (https://a.example/x.js:10:5)'],
    ['at https://a.example:8080/cart?token=1:10:5', 'at https://a.example:8080/cart:10:5'],
    ['f@http://localhost:5173/src/a.js:1:2\ng@http://localhost:5173/?q=1:3:4', 'f@http://localhost:5173/src/a.js:1:2\ng@http://localhost:5173/:3:4'],
    ['see http://localhost:80', 'see http://localhost:80'], ['no address: a?b#c', 'no address: a?b#c'],
    ['"https://u:p@a.example/x?y"', '"https://a.example/x"'],
  ]) assert.equal(text(given), kept);
});

test('scrub decides instead; where it throws nothing is stored', () => {
  page('https://shop.example/');
  const masks = cleaner((url) => url.replace(/\d+/g, 'N'));
  assert.equal(masks.address('/users/4711?a=1'), 'https://shop.example/users/N?a=N');
  assert.equal(masks.text('at https://shop.example/users/4711:10:5'), 'at https://shop.example/users/N:10:5');
  assert.equal(cleaner(() => { throw new Error('no'); }).address('/x'), '');
});

test('a cause that is its own cause ends', () => {
  const error = new Error('round');
  error.cause = error;
  let depth = 0;
  for (let said = describe(error, cleaner()); said; said = said.cause) depth++;
  assert.equal(depth, 6);
  assert.equal(describe('text', cleaner()), 'text');
  assert.equal(describe(new AggregateError(Array(99).fill(new Error('x'))), cleaner()).errors.length, 10);
});

test('a patch is taken back only where it is still there', () => {
  const object = { call: (x) => x };
  const { call } = object;
  const undo = patch(object, 'call', (original, self, args) => original(...args) + 1);
  assert.equal(object.call(1), 2);
  const ours = object.call;
  object.call = (x) => ours(x) * 10;
  undo();
  assert.equal(object.call(1), 10, 'theirs stays, ours passes on');
  patch(object, 'missing', () => {})();
  assert.ok(!('missing' in object));
});

test('a repeat is damped only while events are dropped, and its count is not lost', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  let dropped = 0;
  const damp = damper({ stats: () => ({ dropped: { full: dropped } }) });
  const turn = () => t.mock.timers.tick(1);
  for (let n = 0; n < 5; n++) assert.equal((turn(), damp(`a ${n}`)), 1, 'nothing is dropped');
  dropped = 1;
  assert.equal((turn(), damp('a 6')), 0);
  assert.equal((turn(), damp('a 7', 3)), 0);
  assert.equal((turn(), damp('b')), 1, 'another text');
  now = 60_000;
  assert.equal((turn(), damp('a 8')), 5, 'itself, and the four before');
});

test('a hundred texts a minute are told apart: those beyond are one, and so are damped too', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  let dropped = 1;
  const damp = damper({ stats: () => ({ dropped: { full: dropped++ } }) });
  const letters = (n) => n.toString(2).replaceAll('0', 'a').replaceAll('1', 'b');
  const said = (from, to) => {
    let sent = 0;
    for (let n = from; n < to; n++) sent += (t.mock.timers.tick(1), damp(letters(n))) > 0;
    return sent;
  };
  assert.equal(said(0, 1_000), 101, 'each of the first, and one for all the others');
  now = 60_000;
  assert.equal(said(2_000, 3_000), 101, 'a minute later again');
});
