import { createTelemetry } from '/beaconry/index.js';
import { awkward } from '/values.js';

const TYPES = ['log', 'error', 'metric', 'event', 'vital'];

const options = JSON.parse(new URLSearchParams(location.search).get('options'));
const dropped = [];
const telemetry = createTelemetry({ ...options, onDrop: (reason, count) => dropped.push([reason, count]) });

/** Tracks `n` events of the five types in one task; returns their marks. */
function track(prefix, n) {
  const marks = Array.from({ length: n }, (_, i) => `${prefix}:${i}`);
  marks.forEach((mark, i) => telemetry.track(TYPES[i % TYPES.length], { mark, n: i }));
  return marks;
}

/** The same, as long as telemetry is on: an event may be the one with which it hears that it is off, and takes no more. */
function trackWhileOn(prefix, n) {
  const marks = [];
  for (let i = 0; i < n && telemetry.stats().mode !== 'off'; i++) {
    marks.push(`${prefix}:${i}`);
    telemetry.track(TYPES[i % TYPES.length], { mark: marks[i], n: i });
  }
  return marks;
}

/** Tracks one event by each of the typed calls; returns their marks. */
function call(prefix) {
  const mark = (name) => `${prefix}:${name}`;
  telemetry.log('warn', 'cart is slow', { mark: mark('log'), items: 40 });
  telemetry.error(new TypeError('payment refused', { cause: 'the bank' }), { mark: mark('error') });
  telemetry.metric('response_time', 182, { mark: mark('metric'), unit: 'ms' });
  telemetry.event('checkout', { mark: mark('event'), step: 2 });
  telemetry.vital('LCP', 1840, { mark: mark('vital') });
  return ['log', 'error', 'metric', 'event', 'vital'].map(mark);
}

/** Tracks `n` events of the five types whose data go through all values that are hard to store; returns their marks. */
function trackAwkward(prefix, n) {
  const names = Object.keys(awkward);
  return Array.from({ length: n }, (_, i) => {
    const name = names[Math.floor(i / TYPES.length) % names.length];
    const mark = `${prefix}:${i}:${name}`;
    telemetry.track(TYPES[i % TYPES.length], { mark, value: awkward[name]() });
    return mark;
  });
}

/** The keys that telemetry has in both storages. */
const keys = () => [localStorage, sessionStorage].flatMap((storage) => Object.keys(storage)).filter((key) => key.startsWith('bcn1:'));

window.page = { telemetry, dropped, track, trackWhileOn, call, trackAwkward, keys };
