// What of a browser the facade touches, for Node: storages with a quota, listeners that count, beacons that are kept.
import assert from 'node:assert/strict';

/** localStorage's semantics: strings only, keys as properties, an exception when it is full. */
export class TinyStorage {
  /** @param {number} [quota] UTF-16 units of keys and values */
  constructor(quota = 5_200_000) {
    Object.defineProperty(this, 'quota', { value: quota, writable: true });
    Object.defineProperty(this, 'writes', { value: [], writable: true });
    return new Proxy(this, {
      deleteProperty: (target, key) => (target.removeItem(key), true),
      get: (target, key) => (typeof key === 'string' && Object.hasOwn(target, key) ? target[key] : Reflect.get(target, key)),
      set: (target, key, value) => (key === 'quota' ? (target.quota = value) : target.setItem(key, value), true),
    });
  }
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key, value) {
    const used = Object.entries(this).reduce((sum, [k, v]) => sum + (k === key ? 0 : k.length + v.length), 0);
    if (used + key.length + `${value}`.length > this.quota) throw new DOMException('full', 'QuotaExceededError');
    this.writes.push([key, `${value}`]);
    Object.defineProperty(this, key, { value: `${value}`, enumerable: true, configurable: true, writable: true });
  }
  removeItem(key) {
    delete this[key];
  }
}

/** Puts a page into `globalThis` and gives its strings to pull. */
export function openPage({ path = '/cart', quota = undefined } = {}) {
  const beacons = [];
  const listeners = new Set();
  const locks = new Set();
  const requested = new Set();
  const target = () => ({
    addEventListener(type, call, { signal } = {}) {
      if (signal?.aborted) return;
      const entry = { type, call };
      listeners.add(entry);
      signal?.addEventListener('abort', () => listeners.delete(entry));
    },
    removeEventListener(type, call) {
      for (const each of listeners) if (each.type === type && each.call === call) listeners.delete(each);
    },
  });
  const page = {
    beacons,
    listeners,
    locks,
    requested,
    local: new TinyStorage(quota),
    session: new TinyStorage(),
    beaconBytes: 65_536,
    idle: [],
    location: { pathname: path },
    fire: (type, event = {}) => [...listeners].filter((each) => each.type === type).forEach((each) => each.call({ type, ...event })),
    hide() {
      page.document.hidden = true;
      page.document.visibilityState = 'hidden';
      page.fire('visibilitychange');
    },
    keys: () => Object.keys(page.local).sort(),
  };
  page.document = {
    hidden: false,
    baseURI: 'https://shop.example.com/cart',
    get URL() {
      return `https://shop.example.com${page.location.pathname}`;
    },
    ...target(),
  };
  const globals = {
    window: globalThis,
    document: page.document,
    location: page.location,
    localStorage: page.local,
    sessionStorage: page.session,
    requestIdleCallback: (call) => page.idle.push(call),
    ...target(),
    // The real one keeps the process alive.
    MessageChannel: class {
      port1 = {};
      port2 = { postMessage: () => setImmediate(() => this.port1.onmessage()) };
    },
    navigator: {
      locks: {
        async request(name, ...how) {
          const hold = how.pop();
          requested.add(name);
          await undefined;
          if (how[0]?.ifAvailable && locks.has(name)) return hold(null);
          locks.add(name);
          await hold({ name });
          locks.delete(name);
        },
      },
      sendBeacon(url, body) {
        const bytes = new TextEncoder().encode(body).length;
        if (bytes > page.beaconBytes) return false;
        beacons.push({ url: new URL(url), body, bytes });
        return true;
      },
    },
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return page;
}

export function closePage() {
  for (const name of ['window', 'document', 'location', 'localStorage', 'sessionStorage', 'requestIdleCallback', 'addEventListener']) {
    delete globalThis[name];
  }
}

/** A body of a request, or a value of the storage, as data. */
export function parseBody(body) {
  const lines = body.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no newline');
  return lines.map((line) => JSON.parse(line));
}

export const microtasks = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Uses up the stack, and does `act` in so many of its frames, the deepest first.
 * @param {number} times
 * @param {() => void} act
 */
export function overflow(times, act) {
  let frames = 0;
  const dive = () => {
    try {
      dive();
    } catch (error) {
      if (frames++ < times) act();
      throw error;
    }
  };
  assert.throws(dive, RangeError);
}

/**
 * Patches what asks for another turn so that it does `act` first; 1,000 times at most, for who is called by what it does never ends.
 * Gives how often.
 * @param {import('node:test').TestContext} t
 * @param {() => void} act
 */
export function atEachTimer(t, act) {
  let calls = 0;
  for (const name of ['queueMicrotask', 'setTimeout']) {
    const real = globalThis[name];
    t.mock.method(globalThis, name, (...args) => {
      if (calls++ < 1_000) act();
      return real(...args);
    });
  }
  return () => calls;
}
