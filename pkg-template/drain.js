// Loaded where there is no WebAssembly, or none any more: what is stored is delivered all the same, one request at a time.
import { findDead, MIN_AGE_MS, reopen } from './adoption.js';
import { readAnswer } from './answer.js';
import { openBooks } from './books.js';
import { GATE_MS, LOOK_EVERY_MS, NOT_BEFORE, OFF_UNTIL, STORAGE_BYTES } from './constants.js';
import { ACCOUNTED, DISABLED, ERROR, NEVER, REASONS, STALE } from './messages.js';
import { createParcel, readBatches } from './parcel.js';
import { closeGate, gateOf } from './platform/gate.js';
import { takeLock } from './platform/locks.js';
import { openStore } from './platform/storage.js';
import { alarm } from './platform/timer.js';
import { transport } from './platform/transport.js';
import { attempt } from './serialize.js';
import { createStream, keyIn, textFrom } from './streams.js';

/** The writer's stream is taken at most so often, in ms: each that begins is a line more in the collector's books. */
const TAKE_EVERY_MS = 60_000;

/** How long an error, and another event, wait for company otherwise, in ms. */
const ERROR_MS = 1_000;
const EVENT_MS = 5_000;

/** First and longest backoff, and first and longest wait after the key was refused, in ms: the core's. */
const BACKOFF_MS = [1_000, 300_000];
const DENIED_MS = [300_000, 14_400_000];

/** @typedef {ReturnType<typeof import('./writer.js').createWriter>} Writer */

/** One a writer: who asks for the wasm again, and in vain, has it already. */
const drained = new WeakSet();

/**
 * @param {Pick<import('./driver.js').Client, 'options' | 'prefix' | 'storage'>} client
 * @param {Writer | undefined} writer when its listeners end, so does the drain
 * @param {(made: import('./engine.js').Client) => void} install
 */
export function drain(client, writer, install) {
  if (!writer || drained.has(writer) || writer.listeners.signal.aborted) return;
  drained.add(writer);
  install(createDrain(client, writer));
}

/**
 * Beside the writer, which numbers, stores and sends beacons as before. Now and then the drain takes its stream, and the writer
 * begins another: so nobody writes to what is being delivered, and a stream of this page is as one of a page that is gone.
 * @param {Pick<import('./driver.js').Client, 'options' | 'prefix' | 'storage'>} client
 * @param {Writer} writer
 * @returns {import('./engine.js').Client}
 */
function createDrain({ options, prefix, storage }, writer) {
  const { listeners } = writer;
  const { signal } = listeners;
  const store = openStore(storage, 0);
  const network = transport(options);
  const gated = gateOf(prefix, storage);
  const wake = alarm(run);
  /** @type {import('./parcel.js').Parcel[]} what is being delivered */
  let parcels = [];
  /** @type {Set<string>} streams that no collector takes: left for a later page */
  const refused = new Set();
  /** @type {Record<string, number>} events, by what became of them */
  const fates = {};
  /** @type {Promise<ReturnType<typeof import('./platform/lease.js').createLeases>> | undefined} */
  let leases;
  let leaseKey = '';
  let leased = () => {}; // gives the lease of the writer's stream back
  let round = 0; // what was begun in another is not gone on with
  let isRunning = false;
  let isAsked = false; // for another round
  let isGone = false; // between pagehide and pageshow
  let isOver = false; // switched off, or disposed
  let hasYoung = false; // streams too young to be asked for
  let taken = -TAKE_EVERY_MS; // when the writer's stream was
  let failures = 0;
  let denials = 0;
  let backoff = 0; // until then nothing is sent, and
  let closed = 0; // until then neither, not even when the network comes back

  const books = openBooks(() => {
    const { held, dropped } = writer.stats();
    const all = kept().reduce((sum, { batch }) => sum + batch.n, held);
    const lost = REASONS.map((reason) => (fates[reason] ?? 0) + (dropped[reason] ?? 0));
    return [all, fates.delivered ?? 0, fates.released ?? 0, 0, ...lost];
  });

  const kept = () => parcels.flatMap((parcel) => [...parcel.batches.values()].map((batch) => ({ parcel, batch })));

  const storedBytes = () => kept().reduce((sum, { batch }) => sum + (batch.stored ? batch.bytes : 0), writer.stats().storedBytes);

  // ── Rounds ──

  /** Delivers all that there is; who asks meanwhile has another round. */
  async function run() {
    isAsked = true;
    if (isRunning || isGone || isOver) return;
    isRunning = true;
    const its = round;
    let isDone = true;
    while (isAsked && isDone) {
      isAsked = false;
      isDone = await deliverAll().catch(fail);
      if (its !== round) return;
    }
    isRunning = isAsked = false;
    if (isDone) books.finish();
    if (signal.aborted && !parcels[0]) wake(NEVER);
    else wake(Math.max(isDone ? (hasYoung ? MIN_AGE_MS : LOOK_EVERY_MS) : 0, waiting()), true);
  }

  /** Whether all of it is delivered. */
  async function deliverAll() {
    const its = round;
    if (gated(OFF_UNTIL)) return switchOff();
    if (waiting()) return evict();
    take();
    for (const parcel of [...parcels]) if (!(await deliver(parcel))) return false;
    if (signal.aborted) return true;
    const mine = [writer.stats().stream, ...parcels.map(({ id }) => id), ...refused];
    const found = findDead(store, prefix, new Set(mine));
    hasYoung = found.hasYoung;
    for (const id of found.dead) {
      const unlock = await hold(id);
      if (unlock && its !== round) unlock();
      if (its !== round) return false;
      if (!unlock) continue; // it lives
      const stream = reopen(options, id, store.read(keyIn(prefix, { id })), unlock);
      readBatches(stream, prefix, store);
      if (!(await deliver(add(stream, true)))) return false;
    }
    return true;
  }

  /** Asks for the stream of another page. */
  async function hold(/** @type {string} */ id) {
    if (navigator.locks) return takeLock(prefix + id);
    return storage && (await (await leasing(storage)).take(prefix + id))?.unlock;
  }

  /** Where there are no Web Locks. */
  const leasing = (/** @type {Storage} */ storage) =>
    (leases ??= import('./platform/lease.js').then(({ createLeases }) => createLeases(storage)));

  /** The writer has a Web Lock for its stream, but no lease. */
  async function lease() {
    const { stream } = writer.stats();
    if (navigator.locks || !storage) return;
    const { hold } = await leasing(storage);
    if (stream !== writer.stats().stream || signal.aborted) return;
    leaseKey = `${prefix}${stream}:l`;
    leased = hold(prefix + stream).unlock;
  }

  /** Writer and drain have one limit together: past it what matters least is dropped, the oldest first. */
  function evict() {
    store.count(); // of the whole origin, the writer's too
    const memory = () => kept().reduce((sum, { batch }) => sum + (batch.stored ? 0 : batch.bytes), 0);
    const isFull = () => store.used() + memory() > (options.limits?.storageBytes ?? STORAGE_BYTES);
    if (isFull()) take();
    const all = kept();
    for (const isHigh of [false, true]) {
      for (const { parcel, batch } of all) if (!!batch.high === isHigh && isFull()) parcel.release(batch, 'full');
    }
    return false;
  }

  /** Takes the writer's stream, if there is anything in it. */
  function take() {
    writer.settle(); // what this task has tracked is of it
    const given = !signal.aborted && writer.stats().tracked && writer.handover();
    if (!given) return;
    taken = performance.now();
    if (!navigator.locks) given.unlock = leased;
    leased = () => {};
    lease().catch(() => {});
    for (const entry of given.entries) writer.track(entry);
    const stream = createStream(options, given);
    // A beacon may have brought some of it; of one without batches there is only the line to tell.
    add(stream, !given.batches[0] || given.batches.some(({ sent }) => sent));
  }

  function add(/** @type {import('./streams.js').Stream} */ stream, /** @type {boolean} */ asks) {
    const parcel = createParcel(stream, prefix, store, options, (fate, n) => (fates[fate] = (fates[fate] ?? 0) + n));
    parcel.hasNews = asks;
    parcels.push(parcel);
    return parcel;
  }

  // ── One stream ──

  /** Sends the line alone first where that may tell what is there, then the rest. Whether the next stream may be sent. */
  async function deliver(/** @type {import('./parcel.js').Parcel} */ parcel) {
    const its = round;
    const { id, batches } = parcel;
    let asks = parcel.hasNews;
    while (batches.size || parcel.hasNews) {
      const { picked, text } = asks ? { picked: [], text: '' } : parcel.pick();
      if (waiting() || gated(OFF_UNTIL)) return false; // another tab was told
      const { status, retryAfter, said, numbers } = await post(id, `${parcel.line()}\n${text}`);
      if (its !== round) return false;
      asks = false;
      if (status < 300 && said === ACCOUNTED) {
        account(parcel, picked, numbers);
        if (picked.some(({ first }) => batches.has(first))) return fail();
        failures = denials = 0;
      } else if (status < 300 && said === STALE) {
        parcel.releaseAll('stale');
        parcel.hasNews = false; // nothing of such a stream is recorded
      } else if ((status === 413 || status === 400) && said === ERROR) {
        if (picked[1]) parcel.isAlone = true;
        else if (picked[0]) parcel.release(picked[0], status === 413 ? 'too_large' : 'rejected');
        else if (!parcel.renew()) return settle(parcel, false);
      } else if (status === 410 && said === DISABLED) {
        closeGate(prefix, storage, OFF_UNTIL, GATE_MS);
        return switchOff();
      } else return fail(status, retryAfter);
    }
    return settle(parcel, true);
  }

  /** A request, and what the answer says. */
  function post(/** @type {string} */ id, /** @type {string} */ body) {
    return new Promise((/** @type {(answer: { status: number, retryAfter: number, said: number, numbers: number[] }) => void} */ resolve) => {
      network.post(id, body, (status, retryAfter = NaN, text = '') => {
        const [said, ...numbers] = readAnswer(text);
        resolve({ status, retryAfter, said, numbers });
      });
    });
  }

  /**
   * Lets go of what is stored there, and of what is refused.
   * @param {import('./parcel.js').Parcel} parcel
   * @param {import('./parcel.js').Batch[]} picked
   * @param {number[]} numbers how many ranges, they, and the first numbers of refused batches
   */
  function account(parcel, picked, [ranges, ...numbers]) {
    parcel.hasNews = false; // the line told all
    const rejected = numbers.splice(2 * ranges);
    const isStored = (/** @type {number} */ first, /** @type {number} */ end) =>
      numbers.some((start, at) => at % 2 === 0 && start <= first && end <= numbers[at + 1]);
    for (const batch of parcel.batches.values()) if (isStored(batch.first, batch.first + batch.n)) parcel.release(batch);
    for (const batch of picked) {
      if (rejected.includes(batch.first) && parcel.batches.has(batch.first)) parcel.release(batch, 'rejected');
    }
  }

  /** It is delivered; or no collector can read even its name, and a later page may have one that can. */
  function settle(/** @type {import('./parcel.js').Parcel} */ parcel, /** @type {boolean} */ isDone) {
    if (isDone) parcel.finish();
    else {
      refused.add(parcel.id);
      parcel.leave();
      parcel.releaseAll('rejected');
    }
    parcels = parcels.filter((each) => each !== parcel);
    return true;
  }

  // ── When not to send ──

  /** How long, in ms. */
  const waiting = () => Math.max(gated(NOT_BEFORE), backoff - performance.now(), closed - performance.now(), 0);

  function fail(status = 0, retryAfter = NaN) {
    const now = performance.now();
    const upTo = (/** @type {number[]} */ [base, cap], /** @type {number} */ times) => Math.min(base * 2 ** times, cap);
    if ([401, 403, 404, 405].includes(status)) closed = now + (upTo(DENIED_MS, denials++) * (1 + Math.random())) / 2;
    else backoff = now + upTo(BACKOFF_MS, failures++) * Math.random();
    if ((status === 429 || status === 503) && retryAfter >= 0) {
      closed = now + Math.min(retryAfter, GATE_MS);
      closeGate(prefix, storage, NOT_BEFORE, closed - now);
    }
    return false;
  }

  /** The collector has switched telemetry off: what is held is counted, told with one last line each, and erased. */
  function switchOff() {
    isOver = true;
    take();
    for (const parcel of parcels) {
      parcel.releaseAll('off');
      network.post(parcel.id, `${parcel.line()}\n`, () => {}); // still goes out
      parcel.finish();
    }
    parcels = [];
    listeners.abort();
    writer.dispose();
    end();
    return false;
  }

  // ── The page's life ──

  /** The page may end: what no storage has goes out now, or never. */
  function exit() {
    for (const { id, batches, line } of parcels) {
      const rest = [...batches.values()].filter(({ stored, sent }) => !stored && !sent);
      // Refused means that nothing was sent: other beacons have taken their share.
      while (rest[0] && !network.beacon(id, `${line()}\n${rest.map(textFrom).join('')}`)) rest.length >>= 1;
      for (const batch of rest) batch.sent = true;
    }
  }

  /** Gives back what is stored, with its locks: a held one keeps a page out of the back/forward cache. What is begun is gone on with no more. */
  function leave() {
    leased();
    round++;
    isRunning = false;
    network.clear();
    for (const parcel of parcels) parcel.leave();
    // Without a storage nobody else knows what a stream has dropped.
    parcels = parcels.filter(({ batches, hasNews }) => batches.size || (hasNews && !storage));
  }

  function end() {
    isOver = true;
    leave();
    wake(NEVER);
    books.finish();
  }

  const on = (/** @type {string} */ type, /** @type {() => void} */ act) => addEventListener(type, act, listeners);
  on('visibilitychange', () => document.hidden && exit());
  on('pagehide', () => {
    isGone = true;
    exit();
    leave();
    wake(NEVER);
  });
  on('pageshow', () => {
    if (isGone) lease().catch(() => {}); // the first pageshow comes after the first lease
    isGone = false;
    run();
  });
  on('online', () => {
    failures = backoff = 0;
    run();
  });
  // The wasm has come: what only memory has is still the drain's.
  signal.addEventListener('abort', () => {
    attempt(() => storage?.removeItem(leaseKey)); // the driver has one of its own
    exit();
    leave();
    run();
  });
  lease().catch(() => {});
  run();

  return {
    track(entry) {
      if (isOver) return;
      writer.track(entry);
      wake(Math.max(taken + TAKE_EVERY_MS - performance.now(), entry.high ? ERROR_MS : EVENT_MS), true);
    },

    say: writer.say,

    /** Sends what may be sent now; what was tracked before is then delivered or dropped, unless the time is over. */
    flush(ms) {
      const flushed = books.wait(ms);
      if (isOver) books.finish();
      else run();
      return flushed;
    },

    stats: () => ({ mode: isOver ? 'off' : 'degraded', ...books.stats(), stream: writer.stats().stream, storedBytes: storedBytes() }),

    dispose() {
      if (isOver) return;
      end();
      writer.dispose();
    },
  };
}
