import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { install, logger } from '../logger.js';
import { recorder, settled } from './recorder.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];
let shown;
let uninstall = () => {};

beforeEach(() => {
  shown = [];
  for (const level of LEVELS) mock.method(console, level, (...args) => shown.push([level, ...args]));
});
afterEach(() => {
  uninstall();
  mock.restoreAll();
});

const start = (telemetry, options) => void (uninstall = install(telemetry, options));

test('the export surface', async () => {
  assert.deepEqual(Object.keys(await import('../logger.js')).sort(), ['install', 'logger']);
  assert.deepEqual(Object.keys(logger), [...LEVELS, 'perf', 'action', 'child']);
});

test('every line is shown as it was given, and those that matter are sent', () => {
  const telemetry = recorder();
  start(telemetry);
  const item = { items: 40 };
  for (const level of LEVELS) logger[level]('cart is', 'slow', item);
  assert.deepEqual(shown, LEVELS.map((level) => [level, 'cart is', 'slow', item]));
  const [warning, error] = telemetry.events;
  assert.equal(telemetry.events.length, 2);
  assert.deepEqual(warning, { type: 'log', ts: 0, data: { level: 'warn', message: 'cart is slow', source: 'logger', items: 40 } });
  const { stack, ...data } = error.data;
  assert.equal(error.type, 'error');
  assert.deepEqual(data, { handled: true, name: 'Error', message: 'cart is slow', source: 'logger', items: 40 });
  assert.match(stack.split('\n')[1], /logger\.test\.js/, 'the stack begins with the caller');
});

test('perf is a metric, action an event', () => {
  const telemetry = recorder();
  start(telemetry);
  logger.perf('render', 12.5, { rows: 3 });
  logger.perf('size', 8, { unit: 'kB' });
  logger.action('checkout', { step: 2 });
  assert.deepEqual(telemetry.events.map(({ type, data }) => [type, data]), [
    ['metric', { name: 'render', value: 12.5, unit: 'ms', rows: 3 }],
    ['metric', { name: 'size', value: 8, unit: 'kB' }],
    ['event', { name: 'checkout', step: 2 }],
  ]);
  assert.deepEqual(shown, [['debug', 'render', 12.5, { rows: 3 }], ['debug', 'size', 8, { unit: 'kB' }], ['info', 'checkout', { step: 2 }]]);
});

test('an error keeps its stack, its causes and the text that was logged with it', () => {
  const telemetry = recorder();
  start(telemetry);
  const inner = new TypeError('no answer from https://bank.example/pay?card=4711');
  const error = Object.assign(new RangeError('refused', { cause: inner }), { code: 'E7', config: { password: 'secret' } });
  logger.error('payment failed', error, { order: 5 });
  logger.warn('again', error);
  const [{ data }, warning] = telemetry.events;
  assert.equal(data.name, 'RangeError');
  assert.equal(data.message, 'refused');
  assert.equal(data.log, 'payment failed');
  assert.equal(data.code, 'E7');
  assert.equal(data.order, 5);
  assert.equal(data.config, undefined, "an HTTP client's request is nobody's business");
  assert.match(data.stack, /logger\.test\.js/);
  assert.equal(data.cause.name, 'TypeError');
  assert.equal(data.cause.message, 'no answer from https://bank.example/pay');
  assert.equal(warning.data.message, 'again');
  assert.equal(warning.data.error.message, 'refused');
});

test('format strings are filled as the console fills them', () => {
  const telemetry = recorder();
  start(telemetry);
  logger.warn('%s of %d is 100%% %cred%c: %o', 'this', 3, 'color: red', '', { state: 'bad' }, 'end');
  assert.equal(telemetry.events[0].data.message, 'this of 3 is 100% red: {…} end');
  assert.equal(telemetry.events[0].data.state, 'bad');
});

test('any value is taken', () => {
  const telemetry = recorder();
  start(telemetry);
  logger.warn();
  logger.warn(undefined, null, 7n, Symbol('s'), [1, 2]);
  logger.warn({ get bad() { throw new Error('no'); } });
  logger.error(new Proxy({}, { get() { throw new Error('no'); }, getPrototypeOf() { throw new Error('no'); } }));
  assert.equal(telemetry.events[0].data.message, '');
  assert.equal(telemetry.events[1].data.message, 'undefined null 7 Symbol(s)');
  assert.deepEqual(telemetry.events[1].data.values, [[1, 2]]);
  assert.deepEqual(telemetry.events[2].data.values, [{ bad: '[threw]' }]);
});

test('levels: what is shown and what is sent are chosen apart', () => {
  const telemetry = recorder();
  start(telemetry, { level: 'error', send: 'info' });
  for (const level of LEVELS) logger[level](level);
  assert.deepEqual(shown, [['error', 'error']]);
  assert.deepEqual(telemetry.events.map(({ data }) => data.message), ['info', 'warn', 'error']);
  start(telemetry, { level: 'silent' });
  logger.error('quiet');
  assert.equal(shown.length, 1);
  assert.equal(telemetry.events.at(-1).data.message, 'quiet');
  uninstall();
  logger.debug('back');
  assert.deepEqual(shown.at(-1), ['debug', 'back']);
});

test('what is only shown is the console\'s own function, so that the line is the caller\'s', () => {
  start(recorder());
  assert.equal(logger.info.name, `bound ${console.info.name}`);
  start(recorder(), { send: 'info' });
  assert.equal(logger.info.name, 'line');
});

test('a child adds its context, and its children theirs', () => {
  const telemetry = recorder();
  const cart = logger.child({ module: 'cart', user: 1 });
  start(telemetry);
  cart.child({ user: 2 }).warn('low', { items: 0 });
  cart.action('open');
  cart.perf('load', 3);
  assert.deepEqual(telemetry.events[0].data, { level: 'warn', message: 'low', source: 'logger', module: 'cart', user: 2, items: 0 });
  assert.deepEqual(telemetry.events[1].data, { name: 'open', module: 'cart', user: 1 });
  assert.equal(telemetry.events[2].data.module, 'cart');
});

test('lines of the console are sent where that is asked for, but never the client\'s own', () => {
  const telemetry = recorder();
  const before = console.warn;
  start(telemetry, { console: ['warn', 'error', 'info'] });
  console.warn('from a library', { a: 1 });
  console.warn('beaconry: unknown type x');
  console.error('beaconry: options.url is missing or wrong; telemetry stays off');
  console.info('not sent');
  logger.warn('once');
  assert.deepEqual(telemetry.events.map(({ data }) => [data.source, data.message]), [['console', 'from a library'], ['logger', 'once']]);
  assert.equal(shown.length, 5);
  uninstall();
  assert.equal(console.warn, before);
});

test('what another has put over the console stays, and ours below it only passes on', () => {
  const telemetry = recorder();
  start(telemetry, { console: ['warn'] });
  const ours = console.warn;
  const theirs = (...args) => ours('theirs', ...args);
  console.warn = theirs;
  uninstall();
  assert.equal(console.warn, theirs);
  console.warn('x');
  assert.deepEqual(shown, [['warn', 'theirs', 'x']]);
  assert.deepEqual(telemetry.events, []);
});

test('while telemetry is off it only shows, and patches nothing', () => {
  const telemetry = recorder({ mode: 'off' });
  const before = console.warn;
  start(telemetry, { console: ['warn'] });
  assert.equal(console.warn, before);
  logger.warn('a');
  logger.action('b');
  assert.deepEqual(telemetry.events, []);
  assert.deepEqual(shown, [['warn', 'a'], ['info', 'b']]);
});

test('a second install takes the place of the first, whose uninstall then does nothing', () => {
  const [one, two] = [recorder(), recorder()];
  const first = install(one, { console: ['warn'] });
  start(two, { console: ['warn'], level: 'warn' });
  first();
  logger.warn('x');
  console.warn('y');
  logger.info('hidden');
  assert.equal(one.events.length, 0);
  assert.equal(two.events.length, 2);
  assert.equal(shown.length, 2);
});

test('an onDrop that logs ends, however it logs, when every event is dropped', async () => {
  for (const say of [
    (reason, count) => logger.warn(`dropped ${count} for ${reason}`, { at: Math.random() }),
    (reason) => logger.error(new Error(`dropped for ${reason}`)),
    () => console.warn('dropped', Date.now()),
    (reason, count) => logger.perf(`dropped ${reason}`, count),
    (reason, count) => logger.action('dropped', { reason, count }),
  ]) {
    const telemetry = recorder({ onDrop: say });
    start(telemetry, { console: ['warn'] });
    logger.warn('the first');
    await settled();
    const { length } = telemetry.events;
    assert.ok(length > 1 && length < 5, `${length} events`);
    await settled();
    assert.equal(telemetry.events.length, length, 'it goes on');
    uninstall();
  }
});

test('a getter that logs is shown, not sent: it would go on for ever', () => {
  const telemetry = recorder();
  start(telemetry);
  const data = { get items() { return logger.warn('read', data), 1; } };
  mock.method(console, 'warn', () => {});
  logger.warn('cart', data);
  assert.deepEqual(telemetry.events.map(({ data: { message } }) => message), ['cart']);
});

test('a console that is captured takes what cannot be a text', () => {
  const telemetry = recorder();
  start(telemetry, { console: ['error'] });
  console.error('x'.match(/(?<a>x)/).groups);
  console.error(Symbol('x'));
  assert.equal(telemetry.events.length, 2);
});

test('a stack that is used up does not make it mute', (t) => {
  mock.restoreAll(); // what is between the logger and the end of the stack is to be small
  const { warn } = console;
  t.after(() => (console.warn = warn));
  console.warn = () => {};
  let sent = 0;
  const telemetry = { ...recorder(), log: () => void sent++ };
  start(telemetry);
  for (let run = 0; run < 68; run++) {
    let left = 100;
    // Frames of different sizes, so that the stack ends in each of the logger's functions; those of `overflow` miss them.
    const dive = (...pad) => {
      try {
        dive(...pad);
      } catch (error) {
        if (left-- > 0) {
          try {
            logger.warn('deep');
          } catch {}
        }
        throw error;
      }
    };
    assert.throws(() => dive(...Array(run % 17).fill(0)), RangeError);
    const before = sent;
    logger.warn('after');
    assert.equal(sent, before + 1, `mute after ${run}`);
  }
});

test('an error that cannot be read is told all the same', () => {
  const telemetry = recorder();
  start(telemetry);
  const get = () => { throw new Error('no'); };
  logger.error('failed', Object.defineProperty(new Error('x'), 'stack', { get }));
  logger.error('failed too', Object.defineProperty({}, 'message', { get }));
  assert.deepEqual(telemetry.events.map(({ data }) => data.message), ['[threw]', 'failed too']);
});
