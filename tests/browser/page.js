/**
 * Replaces a property until the returned function is called.
 * @param {object} target
 * @param {string} name
 * @param {PropertyDescriptor} descriptor
 */
export function patch(target, name, descriptor) {
  const before = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { configurable: true, ...descriptor });
  return () => void (before ? Object.defineProperty(target, name, before) : delete target[name]);
}

/** Replaces a function, whose original is called first unless `instead`. */
export function patchMethod(target, name, told, instead) {
  const original = target[name];
  return patch(target, name, {
    writable: true,
    value(...args) {
      const result = instead ? undefined : original.apply(this, args);
      const other = told(...args);
      return instead ? other : result;
    },
  });
}

export const storagePrototype = () => Storage.prototype;

/** localStorage as a blocked one: its getter throws. */
export const blockStorage = () =>
  patch(globalThis, 'localStorage', {
    get() {
      throw new DOMException('denied', 'SecurityError');
    },
  });

/** `setItem` throws as a full storage does. */
export const fillStorage = () =>
  patch(Storage.prototype, 'setItem', {
    value() {
      throw new DOMException('full', 'QuotaExceededError');
    },
  });

/** The page is hidden, or shown, for whoever asks. */
export const setVisibility = (state) => patch(document, 'hidden', { get: () => state === 'hidden' });

export const fire = (target, kind, persisted) =>
  target.dispatchEvent(
    persisted === undefined ? new Event(kind) : new PageTransitionEvent(kind, { persisted }),
  );

/** A response; `dateAhead` in ms makes Retry-After a date, so far after the server's own. */
export function respond(status, body, retryAfter, dateAhead) {
  const headers = new Headers();
  if (retryAfter !== undefined) headers.set('Retry-After', retryAfter);
  if (dateAhead !== undefined) {
    const server = Date.UTC(2001, 0, 1); // far from the client's clock: only the difference may count
    headers.set('Date', new Date(server).toUTCString());
    headers.set('Retry-After', new Date(server + dateAhead).toUTCString());
  }
  return Promise.resolve(new Response(body, { status, headers }));
}

export const unreachable = () => Promise.reject(new TypeError('Failed to fetch'));

/** Never answers, but for its own abort. */
export const hang = (init) =>
  new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(init.signal.reason)));

// ── What the browser owes ──

/**
 * The answers that have been asked of the browser's other processes: locks, databases, bodies of responses. They take real time, on
 * a busy machine any amount of it; no test goes on, and no virtual time passes, before all are there.
 * @type {Set<string>}
 */
const owed = new Set();
const { addEventListener: hear } = EventTarget.prototype; // the real one: some tests count listeners
let asked = 0;

/** @param {string} what @returns {() => void} to call when it is there */
function owe(what) {
  const key = `${what} ${asked++}`;
  owed.add(key);
  return () => owed.delete(key);
}

/** Wraps a method: `watcher` gets the arguments, may change them, and calls. */
function watch(type, name, watcher) {
  const original = type.prototype[name];
  type.prototype[name] = function (...args) {
    return watcher(args, () => original.apply(this, args));
  };
}

const untilSettled = (what) => (args, call) => {
  const promise = call();
  const end = owe(what);
  promise.then(end, end);
  return promise;
};
const untilEvent = (what, ...kinds) => (args, call) => {
  const target = call();
  const end = owe(what);
  for (const kind of kinds) hear.call(target, kind, end);
  return target;
};
watch(LockManager, 'query', untilSettled('locks'));
watch(LockManager, 'request', (args, call) => {
  const end = owe(`lock ${args[0]}`);
  const granted = args.pop();
  args.push((lock) => (end(), granted(lock)));
  const promise = call();
  promise.then(end, end);
  return promise;
});
watch(IDBFactory, 'databases', untilSettled('databases'));
watch(IDBFactory, 'open', untilEvent('open', 'success', 'error', 'blocked'));
watch(IDBFactory, 'deleteDatabase', untilEvent('delete', 'success', 'error', 'blocked'));
watch(IDBDatabase, 'transaction', untilEvent('transaction', 'complete', 'abort'));
watch(Response, 'text', untilSettled('body'));

const realClock = performance.now.bind(performance);
const realTimeout = setTimeout;

/** Milliseconds that no fake time touches. */
export const realNow = () => realClock();

/** Some time passes, and then all that was asked of the browser is there, and what came of it has run. */
export async function breath() {
  const start = realClock();
  do {
    await new Promise((resolve) => realTimeout(resolve, 1));
    if (realClock() - start > HANGS_MS) throw new Error(`the browser never answers: ${[...owed]}`);
  } while (owed.size);
  await turn();
}

/** Nothing here takes so long: a test that waits for it would wait for ever. */
const HANGS_MS = 60_000;

/** A turn of the event loop: microtasks and messages have run. */
const turns = new MessageChannel();
const waiting = [];
turns.port1.onmessage = () => waiting.shift()();
export const turn = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    turns.port2.postMessage(0);
  });

/** Timers of one advance: a minute has a few; a busy loop any number. */
const MAX_FIRED = 1_000;

/** Virtual time: both clocks, and timers that run when it is advanced. */
export class FakeTime {
  constructor() {
    this.ahead = 0;
    this.ids = 1e6;
    this.timers = new Map();
    const clock = performance.now.bind(performance);
    const date = Date.now.bind(Date);
    const start = clock();
    const startDate = date();
    this.restores = [
      patch(performance, 'now', { writable: true, value: () => start + this.ahead }),
      patch(Date, 'now', { writable: true, value: () => startDate + this.ahead }),
      patch(globalThis, 'setTimeout', {
        writable: true,
        value: (call, ms = 0) => {
          const id = ++this.ids;
          this.timers.set(id, { at: this.ahead + ms, call });
          return id;
        },
      }),
      patch(globalThis, 'clearTimeout', { writable: true, value: (id) => void this.timers.delete(id) }),
    ];
  }

  get pending() {
    return this.timers.size;
  }

  /** Runs what is due on the way, in order, each in a task of its own. */
  async advance(ms) {
    await breath(); // the task that set the timers ends, and what it asked for is there, before any time passes
    const end = this.ahead + ms;
    for (let fired = 0; ; fired++) {
      if (fired > MAX_FIRED) throw new Error(`${fired} timers in ${this.ahead} ms: a busy loop`);
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.ahead = Math.max(this.ahead, due[1].at);
      due[1].call();
      for (let i = 0; i < 8; i++) await turn();
      if (owed.size) await breath();
    }
    this.ahead = end;
  }

  restore() {
    this.restores.forEach((restore) => restore());
  }
}

/** Counts listeners that are added and not removed, of any target. */
export class Listeners {
  constructor() {
    this.live = 0;
    this.added = [];
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    const known = new Map();
    const id = (target, kind, listener) => {
      if (!known.has(listener)) known.set(listener, known.size);
      return `${target === document ? 'document' : 'window'}:${kind}:${known.get(listener)}`;
    };
    const live = new Set();
    const count = () => (this.live = live.size);
    const add = this.added;
    this.restores = [
      patch(EventTarget.prototype, 'addEventListener', {
        writable: true,
        value(kind, listener, options) {
          live.add(id(this, kind, listener));
          add.push(kind);
          count();
          return addEventListener.call(this, kind, listener, options);
        },
      }),
      patch(EventTarget.prototype, 'removeEventListener', {
        writable: true,
        value(kind, listener, options) {
          live.delete(id(this, kind, listener));
          count();
          return removeEventListener.call(this, kind, listener, options);
        },
      }),
    ];
  }

  kinds() {
    return this.added.join(' ');
  }

  restore() {
    this.restores.forEach((restore) => restore());
  }
}

/** Holds a Web Lock as another tab would; resolves to the function that gives it back. */
export const holdLock = (name) =>
  new Promise((resolve) => {
    void navigator.locks.request(name, () => new Promise((release) => resolve(release)));
  });

/** The names of the held locks. */
export const heldLocks = async () => (await navigator.locks.query()).held.map((lock) => lock.name).join(' ');

export const storedKeys = () => Object.keys(localStorage).sort().join('\n');
export const storedValue = (key) => localStorage.getItem(key) ?? undefined;
export const storeValue = (key, value) => localStorage.setItem(key, value);
export const clearStorage = () => localStorage.clear();

/** Options whose every member throws. */
export const throwingOptions = () =>
  new Proxy({}, {
    get() {
      throw new Error('no options for you');
    },
  });

/** A callback of an app that is broken. */
export const throwingFunction = () => () => {
  throw new Error('the app is broken');
};

// ── IndexedDB ──

/** @param {IDBRequest} request */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** All values of a database's one store, joined; undefined where there is no such database. */
export async function mirrored(name) {
  if (!(await indexedDB.databases()).some((it) => it.name === name)) return undefined;
  const db = await done(indexedDB.open(name));
  try {
    const store = [...db.objectStoreNames][0];
    return store ? (await done(db.transaction(store).objectStore(store).getAll())).join('') : '';
  } finally {
    db.close();
  }
}

/** Writes what a killed browser's page had: one record. */
export async function mirror(name, stream, body) {
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => request.result.createObjectStore('bodies');
  const db = await done(request);
  await done(db.transaction('bodies', 'readwrite').objectStore('bodies').put(body, [stream, Math.random()]));
  db.close();
}

export const deleteDatabase = (name) => done(indexedDB.deleteDatabase(name));

/** The ways in which an IndexedDB can be of no use. */
const BROKEN = {
  absent: () => patch(globalThis, 'indexedDB', { value: undefined }),
  forbidden: () =>
    patch(globalThis, 'indexedDB', {
      get() {
        throw new DOMException('denied', 'SecurityError');
      },
    }),
  'refuses to open': () =>
    patch(IDBFactory.prototype, 'open', {
      value() {
        throw new DOMException('denied', 'InvalidStateError');
      },
    }),
  'fails to open': () => {
    const { open } = IDBFactory.prototype;
    // A real failure: a version that is lower than the one there is.
    return patch(IDBFactory.prototype, 'open', {
      value(name) {
        open.call(this, name, 9);
        return open.call(this, name, 1);
      },
    });
  },
  'never answers': () => patch(IDBFactory.prototype, 'open', { value: () => ({}) }),
  'aborts what it is told': () =>
    patch(IDBTransaction.prototype, 'commit', {
      value() {
        this.abort();
      },
    }),
  'has no room': () =>
    patch(IDBObjectStore.prototype, 'put', {
      value() {
        throw new DOMException('full', 'QuotaExceededError');
      },
    }),
};
export const waysToBreak = () => Object.keys(BROKEN).join('\n');
export const breakIndexedDb = (how) => BROKEN[how]();

/** Counts what reaches the page as an error of nobody's, until restored. */
export class Unhandled {
  constructor() {
    this.all = [];
    this.hear = ({ reason, message }) => this.all.push(String(reason ?? message));
    for (const kind of ['error', 'unhandledrejection']) addEventListener(kind, this.hear);
  }

  get told() {
    return this.all.join('\n');
  }

  restore() {
    for (const kind of ['error', 'unhandledrejection']) removeEventListener(kind, this.hear);
  }
}

/** As over plain http. */
export const hideLocks = () => patch(navigator, 'locks', { value: undefined });
