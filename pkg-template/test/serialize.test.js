import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callEntry, json, toEntry, utf8 } from '../serialize.js';

const MAX = 32_768;
/** The line of an entry, which ends in its only line break. */
const textOf = ({ line }) => {
  assert.equal(line.indexOf('\n'), line.length - 1);
  return line.slice(0, -1);
};
const lineOf = (type, data) => textOf(toEntry(type, data));
const dataOf = (data) => JSON.parse(lineOf('log', data)).data;

test('plain data is exactly what JSON.stringify makes of it', (t) => {
  const data = { message: 'ü "x"\n', n: 1.5e300, yes: true, none: null, gone: undefined, list: [1, [2, { a: 'b' }]], empty: {} };
  t.mock.method(Date, 'now', () => 1763877600123);
  assert.equal(lineOf('log', data), `{"type":"log","ts":1763877600123,"data":${JSON.stringify(data)}}`);
});

test('data that is no object is wrapped; none is an empty object; an unknown type is an event of that name', (t) => {
  assert.deepEqual(dataOf(undefined), {});
  assert.deepEqual(dataOf(null), {});
  assert.deepEqual(dataOf('text'), { value: 'text' });
  assert.deepEqual(dataOf('x'.repeat(20_000)), { value: 'x'.repeat(20_000) });
  assert.deepEqual(dataOf([1, 2]), { value: [1, 2] });
  assert.deepEqual(dataOf(() => 1), { value: '[function]' });
  t.mock.method(Date, 'now', () => 5);
  assert.deepEqual(JSON.parse(lineOf('purchase', { sku: 7 })), { type: 'event', ts: 5, data: { name: 'purchase', sku: 7 } });
  assert.deepEqual(JSON.parse(lineOf(undefined, undefined)), { type: 'event', ts: 5, data: {} });
});

test('what JSON cannot say has a documented form', () => {
  function named() {}
  const circle = { name: 'circle' };
  circle.self = circle;
  const given = {
    big: 12345678901234567890n,
    nan: NaN,
    inf: -Infinity,
    symbol: Symbol('s'),
    named,
    date: new Date(0),
    never: new Date(NaN),
    map: new Map([['a', 1n]]),
    set: new Set([1, 'b']),
    bytes: new Uint8Array([0, 0, 7]),
    regex: /x/g,
    promise: Promise.resolve(),
    url: new URL('https://x.example/'),
    circle,
    list: [undefined, () => 1],
    hidden: { toJSON: () => ({ shown: 1n }) },
    broken: { toJSON() { throw new Error('no'); } },
  };
  assert.deepEqual(dataOf(given), {
    big: '12345678901234567890',
    nan: 'NaN',
    inf: '-Infinity',
    symbol: 'Symbol(s)',
    named: '[function]',
    date: '1970-01-01T00:00:00.000Z',
    never: null,
    map: [['a', '1']],
    set: [1, 'b'],
    bytes: [0, 0, 7],
    regex: '/x/g',
    promise: '[object Promise]',
    url: 'https://x.example/',
    circle: { name: 'circle', self: '[circular]' },
    list: [null, '[function]'],
    hidden: { shown: '1' },
    broken: '[threw]',
  });
});

test('a DOM node, which may hang on a whole framework, is its name', () => {
  class HTMLElement {
    nodeName = 'DIV';
    __reactFiber = {};
  }
  assert.deepEqual(dataOf({ node: new HTMLElement(), own: { nodeName: 'x', n: 1n } }), { node: 'DIV', own: { nodeName: 'x', n: '1' } });
});

test('a nodeName that is no text is one, and bounds what stands beside it all the same', () => {
  const of = (nodeName) => new (class { nodeName = nodeName; })();
  assert.equal(dataOf({ node: of(7) }).node, '7');
  const circle = {};
  circle.self = circle;
  assert.equal(dataOf({ node: of(circle), kept: 1n }).node, '[object Object]');
  let shared = ['x'];
  for (let at = 0; at < 5; at++) shared = Array(12).fill(shared);
  assert.match(lineOf('log', { node: of(7), shared }), /… \d+ more/);
});

test('an error is told with its name, message, stack, cause and own members, wherever it stands', () => {
  const error = Object.assign(new TypeError('outer', { cause: new RangeError('inner') }), { code: 7 });
  const { cause, ...told } = dataOf({ error }).error;
  assert.deepEqual(told, { name: 'TypeError', message: 'outer', stack: error.stack, code: 7 });
  assert.equal(cause.name, 'RangeError');
  assert.equal(cause.message, 'inner');
  assert.equal(dataOf({ all: new AggregateError([new Error('one')], 'many') }).all.errors[0].message, 'one');
  assert.equal(dataOf({ e: new DOMException('m', 'AbortError') }).e.name, 'AbortError');
});

test('what throws when read is marked, and the rest is kept', () => {
  const data = { before: 1, after: 2 };
  Object.defineProperty(data, 'trap', { enumerable: true, get() { throw new Error('gotcha'); } });
  assert.deepEqual(dataOf(data), { before: 1, after: 2, trap: '[threw]' });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.deepEqual(dataOf({ proxy }), { proxy: '[threw]' });
  assert.deepEqual(dataOf(proxy), { value: '[threw]' });
});

test('lone surrogates travel as escapes, in values and names', () => {
  const line = lineOf('log', { 'k\ud800': 'v\udfff', big: 1n });
  assert.ok(line.isWellFormed ? line.isWellFormed() : !/[\ud800-\udfff]/.test(line));
  assert.equal(JSON.parse(line).data['k\ud800'], 'v\udfff');
});

test('a member called __proto__ is a member', (t) => {
  t.mock.method(Date, 'now', () => 1);
  const data = JSON.parse('{"__proto__":{"x":1}}');
  data.n = 1n;
  assert.equal(lineOf('log', data), '{"type":"log","ts":1,"data":{"__proto__":{"x":1},"n":"1"}}');
});

test('depth ends at a marker', () => {
  let deep = {};
  for (let at = 0; at < 10_000; at++) deep = { deep };
  const line = lineOf('log', deep);
  assert.ok(line.length < 200);
  assert.match(line, /"\[deep\]"/);
});

test('whatever it is, the line is JSON with one newline at its end, in 32 KiB', () => {
  const wide = {};
  for (let at = 0; at < 50_000; at++) wide[`k${at}`] = {};
  let shared = ['x'];
  for (let at = 0; at < 8; at++) shared = Array(100).fill(shared);
  const huge = [
    'x'.repeat(1_000_000),
    { a: '☕'.repeat(20_000), b: '🦀'.repeat(20_000), c: '\u0001'.repeat(9_000) },
    { message: 'short', text: '\ud800'.repeat(100_000) },
    { ['k'.repeat(1_000_000)]: 1 },
    Array(1_000_000).fill(1n),
    Array(1_000_000).fill({}),
    wide,
    shared,
    new Error('☕'.repeat(100_000), { cause: new Error('y'.repeat(100_000)) }),
  ];
  for (const data of huge) {
    for (const entry of [toEntry('log', data), callEntry('error', data, { data })]) {
      const line = textOf(entry);
      assert.ok(entry.bytes <= MAX, `${entry.bytes}`);
      assert.equal(entry.bytes, Buffer.byteLength(line));
      assert.equal(utf8(line), entry.bytes);
      JSON.parse(line);
    }
    assert.ok(Buffer.byteLength(json(data, 256)) <= 256);
  }
});

test('of a long array no list of its members is made', () => {
  let lists = 0;
  const list = new Proxy(Array(100_000).fill(7), { ownKeys: (target) => (lists++, Reflect.ownKeys(target)) });
  assert.match(lineOf('log', { list }), /7,"… \d+ more"/);
  assert.equal(lists, 0);
});

test('an array of a million holes is cut before it is written', (t) => {
  const data = { list: Array(1_000_000) };
  const stringify = t.mock.method(JSON, 'stringify');
  assert.match(dataOf(data).list.at(-1), /^… \d+ more$/);
  assert.ok(stringify.mock.calls.every((call) => call.arguments[0] !== data));
});

test('what is cut says how much is missing, and what came before it is whole', () => {
  const data = dataOf({ message: 'kept', text: 'x'.repeat(100_000), list: Array(100_000).fill(7) });
  assert.equal(data.message, 'kept');
  assert.equal(data.text, `${'x'.repeat(8_192)}… ${100_000 - 8_192} more`);
  const last = data.list.at(-1);
  assert.match(last, /^… \d+ more$/);
  assert.equal(data.list.length - 1 + Number(last.slice(2, -5)), 100_000);
});

test('a plain event just below the limit stays as it is', () => {
  const data = { text: 'x'.repeat(32_600) };
  assert.deepEqual(dataOf(data), data);
});

test('a getter that serialises something else disturbs nothing', () => {
  const data = { n: 1n, get nested() { return lineOf('log', { y: 2n }).length; }, text: 'x'.repeat(40_000) };
  const line = lineOf('log', data);
  assert.ok(utf8(line) <= MAX);
  assert.equal(JSON.parse(line).data.nested, lineOf('log', { y: 2n }).length);
});

test('what tracks an error while it is serialised is cut all the same', () => {
  const text = '漢'.repeat(8_192);
  let reads = 0;
  const data = {
    toJSON() {
      assert.ok(++reads < 100, 'it never ends');
      callEntry('error', new Error('why'));
      return { text, again: text };
    },
  };
  const entry = toEntry('log', data);
  assert.equal(entry.bytes, Buffer.byteLength(textOf(entry)));
  assert.ok(entry.bytes <= MAX);
  assert.match(entry.line, /… \d+ more/);
});

test('what a page makes of all arrays, and nothing makes smaller, is told as such', (t) => {
  let calls = 0;
  const toJSON = () => (assert.ok(++calls < 100, 'it never ends'), 'x'.repeat(MAX));
  Object.defineProperty(Array.prototype, 'toJSON', { value: toJSON, configurable: true });
  t.after(() => delete Array.prototype.toJSON);
  assert.deepEqual(dataOf({ list: [1n] }), { value: '…' });
  assert.equal(json({ list: [1n] }, 1_024), '"…"');
});

test('where the copy cannot be written either, the event is one all the same, and the next one is whole', (t) => {
  const toJSON = () => { throw new Error('no'); };
  Object.defineProperty(Array.prototype, 'toJSON', { value: toJSON, configurable: true });
  t.after(() => delete Array.prototype.toJSON);
  assert.deepEqual(dataOf({ list: [1] }), { value: '…' });
  assert.deepEqual(dataOf({ text: 'x'.repeat(20_000) }), { text: 'x'.repeat(20_000) });
  const inner = { get list() { lineOf('log', { list: [1n] }); return 'y'.repeat(9_000); }, n: 1n };
  assert.deepEqual(dataOf(inner), { list: `${'y'.repeat(8_192)}… 808 more`, n: '1' });
});

test('calls: the arguments win over members of the data', (t) => {
  t.mock.method(Date, 'now', () => 9);
  const call = (method, ...args) => JSON.parse(callEntry(method, ...args).line);
  assert.deepEqual(call('log', 'warn', 'slow', { items: 40, message: 'mine' }), { type: 'log', ts: 9, data: { level: 'warn', message: 'slow', items: 40 } });
  assert.deepEqual(call('metric', 'rt', 182, { unit: 'ms', value: 3 }).data, { name: 'rt', value: 182, unit: 'ms' });
  assert.deepEqual(call('event', 'checkout').data, { name: 'checkout' });
  assert.deepEqual(call('vital', 'LCP', 1840, { rating: 'good' }).data, { name: 'LCP', value: 1840, rating: 'good' });
  assert.deepEqual(call('event', 'x', 'text').data, { name: 'x', data: 'text' });
  assert.deepEqual(call('event', 'x', [1]).data, { name: 'x', data: [1] });
  assert.equal(call('log', 'error', 'boom', new Error('why')).data.data.message, 'why');
  const trap = { ok: 1, get trap() { throw new Error('gotcha'); } };
  assert.deepEqual(call('event', 'x', trap).data, { name: 'x', data: { ok: 1, trap: '[threw]' } });
});

test('what is cut keeps what the call itself says', () => {
  const data = { message: 'mine', ...Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`member ${at}`, at])) };
  const of = (...args) => JSON.parse(callEntry(...args).line).data;
  assert.deepEqual(Object.keys(of('log', 'warn', 'slow', data)).slice(0, 3), ['level', 'message', 'member 0']);
  const { message, handled, '…': more } = of('error', new Error('why'), { ...data, handled: false });
  assert.deepEqual([message, handled], ['why', false]);
  assert.match(more, /^… \d+ more$/);
});

test('error takes whatever can be thrown', () => {
  const call = (...args) => JSON.parse(callEntry('error', ...args).line).data;
  const { message, name, stack, handled, at } = call(new TypeError('bad'), { at: 'cart', message: 'mine' });
  assert.deepEqual({ message, name, handled, at }, { message: 'bad', name: 'TypeError', handled: true, at: 'cart' });
  assert.match(stack, /serialize\.test/);
  assert.equal(call(new Error('x'), { handled: false }).handled, false);
  assert.equal(call(new DOMException('stop', 'AbortError')).name, 'AbortError');
  assert.deepEqual(call({ message: 'like one', code: 5 }), { handled: true, message: 'like one', code: 5 });
  assert.deepEqual(call('text'), { handled: true, message: 'text' });
  assert.deepEqual(call({ code: 5 }), { handled: true, message: '{"code":5}' });
  assert.deepEqual(call(undefined), { handled: true, message: 'null' });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.deepEqual(call(proxy), { handled: true, message: '"[threw]"' });
});

test('an entry tells its bytes, and an error that it matters', () => {
  const entry = toEntry('error', { message: 'ü☕🦀' });
  assert.equal(entry.bytes, Buffer.byteLength(textOf(entry)));
  assert.equal(entry.high, true);
  assert.equal(callEntry('error', 'why').high, true);
  assert.equal(toEntry('log', { type: 'error' }).high, false);
});
