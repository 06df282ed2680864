import { BATCH_BYTES, BEACON_BYTES, CONTEXT_BYTES, HEAD_BYTES, NOT_BEFORE, PAGE_UNITS, PENDING, STORAGE_BYTES, USER_UNITS } from './constants.js';
import { gatedFor, newId } from './flag.js';
import { attempt, json, utf8 } from './serialize.js';

/**
 * The page's writer while there is no wasm: events get numbers, batches of them get bytes, once a task (an error at once)
 * the bytes go to localStorage, and into beacons when the page goes. DESIGN.md has the format.
 *
 * It follows the page's life: a stream ends with `pagehide`, and another begins after it.
 *
 * @typedef {import('./serialize.js').Entry} Entry
 *
 * @typedef {object} Batch
 * @property {number} first the number of its first event
 * @property {number} n
 * @property {number} bytes at most what it takes on the wire, in UTF-8
 * @property {string} context raw JSON members of the batch line, at least one
 * @property {boolean} [high] it has an error; there once it has an event
 * @property {boolean} [stored] localStorage has these bytes
 * @property {boolean} [sent] a beacon took it; whether it arrived is unknown
 * @property {string} [lines] absent once it is sealed and stored
 */

/** Name and version of the client, as every stream tells it. */
const SDK = 'beaconry/0.1.0';

/**
 * The closure is the object and its functions the methods: a class would weigh a third more.
 * @param {import('./index.js').TelemetryOptions} options
 * @param {Storage | undefined} storage
 * @param {string} prefix of every key: `bcn1:<scope>:`
 * @param {Members} members
 */
export function createWriter(options, storage, prefix, members) {
  const { onDrop } = options;
  const heldBytes = options.limits?.storageBytes ?? STORAGE_BYTES;
  // The stream:
  /** @type {string} */
  let id;
  /** @type {number} */
  let next;
  /** @type {boolean | undefined} */
  let hasLine; // in the storage
  /** @type {Batch[]} in the order of their numbers; the last may be open */
  let batches;
  /** @type {Batch | undefined} */
  let open;
  /** @type {number} bytes */
  let held;
  /** @type {number} what is below was dropped as `full` */
  let start;
  /** @type {() => void} */
  let unlock;
  // The page:
  /** @type {boolean | undefined} after pagehide, until pageshow */
  let gone;
  /** @type {string} */
  let context;
  // The task:
  /** @type {Entry[]} */
  let pending = [];
  /** @type {boolean | undefined} */
  let scheduled;
  /** @type {boolean | undefined} writing: what a patched function tracks meanwhile waits */
  let busy;

  /** @param {Entry} entry */
  function track(entry) {
    if (!pending[0]) context = members.now();
    if ((pending.push(entry) > PENDING || entry.high) && !busy) settle();
    // At the end of this task; who tracks from a patched function gets a turn of its own, lest the task never ends.
    if (pending[0] && !scheduled) {
      scheduled = true;
      (busy ? setTimeout : queueMicrotask)(settle);
    }
  }

  /** Writes; the page may be gone before there is another chance to send. */
  const settle = () => write(() => (gone || document.hidden) && send());

  /**
   * Writes what is pending, then does `then`, and lets nothing else in between.
   * @param {() => unknown} then
   */
  function write(then) {
    if (busy) return queueMicrotask(() => write(then));
    busy = true;
    scheduled = false;
    try {
      for (let left = pending.length; left--; pending.shift()) append(pending[0]);
      save();
      then();
    } catch {} // a stack that is used up throws wherever; what has no number yet gets it at the end of the task
    busy = false;
  }

  function begin() {
    id = newId();
    next = start = held = 0;
    hasLine = false;
    batches = [];
    open = undefined;
    if (!gone) unlock = lock(prefix + id);
  }

  /** pagehide, dispose: the stream is complete, and its lock free for whoever delivers the rest. The next has none. */
  const dispose = () =>
    write(() => {
      send(true);
      unlock();
      gone = true;
      begin();
    });

  /**
   * Numbers an event and puts it into the open batch.
   * @param {Entry} entry
   */
  function append({ line, bytes, high }) {
    bytes++; // its line break
    if (open && (open.context !== context || open.bytes + bytes > BATCH_BYTES)) seal();
    if (!open) batches.push((open = { first: next, n: 0, bytes: HEAD_BYTES + utf8(context), context, lines: '' }));
    open.lines += line;
    open.n++;
    open.bytes += bytes;
    open.high ||= high;
    open.stored = false;
    next++;
  }

  /** From here on the bytes of the open batch do not change. Past the limit the oldest batches are dropped. */
  function seal() {
    if (!open) return;
    save();
    if (open.stored) open.lines = undefined;
    held += open.bytes;
    open = undefined;
    while (held > heldBytes) {
      const { first, n, bytes, stored } = /** @type {Batch} */ (batches.shift());
      held -= bytes;
      start = first + n;
      // Counted before it is erased; where the longer line does not fit, the other way round.
      hasLine = putLine();
      if (stored) attempt(() => storage?.removeItem(keyOf(first)));
      hasLine ||= putLine();
      // In a task of its own: what the app does then disturbs nothing here.
      setTimeout(() => attempt(() => onDrop?.('full', n)));
    }
  }

  /** Writes the open batch, behind the stream line. */
  function save() {
    if (open && !open.stored) open.stored = (hasLine ||= putLine()) && put(open.first, text(open));
  }

  /**
   * Sends what no beacon has taken yet: errors first, whole batches inside 64 KiB.
   * @param {boolean} [closed] nothing more will be numbered
   */
  function send(closed) {
    seal();
    const wait = gatedFor(prefix, NOT_BEFORE);
    let room = BEACON_BYTES - utf8(streamLine(closed)) - 1;
    const chosen = [...batches]
      .sort((/** @type {any} */ a, /** @type {any} */ b) => b.high - a.high)
      .filter(({ sent, stored, bytes }) => !(sent || (wait && stored)) && bytes <= room && (room -= bytes) >= 0);
    if (!chosen[0] && !(closed && next && !wait)) return;
    // Refused means that nothing was sent: other beacons have taken their share; or the address is a bad one, or the function missing.
    while (!attempt(() => navigator.sendBeacon(addressOf(options, id), body(chosen, closed))) && chosen[0]) chosen.length >>= 1;
    for (const batch of chosen) batch.sent = true;
  }

  /**
   * A request: the stream line, and batches.
   * @param {Batch[]} some
   * @param {boolean} [closed]
   */
  const body = (some, closed) => `${streamLine(closed)}\n${some.map(text).join('')}`;

  /**
   * A batch as on the wire, if it is still there.
   * @param {Batch} batch
   */
  const text = (batch) => textOf(batch) ?? attempt(() => storage?.getItem(keyOf(batch.first)));

  /** @param {boolean} [closed] */
  const streamLine = (closed) =>
    JSON.stringify({
      ...headOf(id, options),
      tracked: next,
      dropped: start ? { full: [[0, start]] } : {},
      holds: start < next ? [[start, next]] : [],
      closed: !!closed,
    });

  const putLine = () => put('s', streamLine());

  /**
   * @param {string | number} part
   * @param {any} value
   */
  const put = (part, value) => attempt(() => storage && (storage.setItem(keyOf(part), value), true));

  /** @param {string | number} part */
  const keyOf = (part) => `${prefix}${id}:${part}`;

  // A controller has what options of a listener have: the signal.
  const listeners = new AbortController();
  addEventListener('visibilitychange', settle, listeners); // which bubbles
  addEventListener('pagehide', dispose, listeners);
  addEventListener(
    'pageshow',
    () => {
      if (!gone) return; // the first
      dispose();
      gone = false;
      begin();
    },
    listeners,
  );
  begin();

  return {
    /** To be aborted once nobody tracks here any more. */
    listeners,
    track,
    dispose,

    /** @param {() => void} change of the members that batches carry from now on */
    say: (change) =>
      write(() => {
        change();
        context = members.now();
      }),

    settle,

    /** Gives the stream away, with all that was kept of it and entries without a number, and begins another; nothing between pagehide and pageshow. */
    handover() {
      if (gone) return;
      const given = { id, line: streamLine(), batches, unlock, entries: pending };
      pending = [];
      begin();
      return given;
    },

    /** What is not zero. @returns {Omit<import('./index.js').Stats, 'mode' | 'delivered' | 'released'> & { stream: string }} */
    stats() {
      const tracked = next + pending.length;
      return {
        stream: id,
        tracked,
        held: tracked - start,
        dropped: start ? { full: start } : {},
        storedBytes: batches.reduce((sum, { stored, bytes }) => (stored ? sum + bytes : sum), 0),
      };
    },
  };
}

/**
 * What batches say of the page and of who uses it.
 * @typedef {ReturnType<typeof describe>} Members
 * @param {import('./index.js').TelemetryOptions} options
 */
export function describe(options) {
  /** @type {string | undefined} */
  let url;
  /** @type {{ user?: string, context?: object }} */
  const said = {};
  /** @type {string} */
  let text;
  return {
    /** The members of a batch line as raw JSON, once a task: a single-page app may have moved on, which this text tells cheaper than `location`. */
    now() {
      if (url !== (url = globalThis.document?.URL) || !url?.at) text = JSON.stringify({ page: options.page ?? location.pathname.slice(0, PAGE_UNITS), ...said }).slice(1, -1);
      return text;
    },

    /** @param {any} id */
    setUser(id) {
      said.user = `${id ?? ''}`.slice(0, USER_UNITS) || undefined;
      url = undefined;
    },

    /** @param {unknown} value */
    setContext(value) {
      const text = json(value, CONTEXT_BYTES);
      said.context = text[0] === '{' ? JSON.parse(text) : undefined;
      url = undefined;
    },
  };
}

/**
 * A batch as on the wire, if its lines are in memory.
 * @param {Batch} batch
 */
export const textOf = ({ first, n, context, lines }) =>
  lines && `{"batch":${first},"n":${n},${context}}\n${lines}`;

/**
 * What the line of a stream that is made here says of who sends.
 * @param {string} stream
 * @param {import('./index.js').TelemetryOptions} options
 */
export const headOf = (stream, { release, env, session }) => ({ stream, v: 1, sdk: SDK, release, env, session });

/**
 * Where a stream's requests go.
 * @param {import('./index.js').TelemetryOptions} options
 * @param {string} stream
 */
export const addressOf = ({ url, key }, stream) =>
  `${url}${url.includes('?') ? '&' : '?'}key=${encodeURIComponent(key)}&stream=${stream}&now=${Date.now()}`;

/**
 * Holds a Web Lock until the returned function is called, also when it is called before the lock was granted. Plain http
 * has no locks: there the age of a stream alone keeps adopters away.
 * @param {string} name
 */
export function lock(name) {
  /** @type {any} */
  let unlock;
  /** @type {Promise<void>} */
  const held = new Promise((resolve) => (unlock = resolve));
  navigator.locks?.request(name, () => held).catch(() => {}); // refused in a sandboxed frame
  return unlock;
}
