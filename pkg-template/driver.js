import { openBooks } from './books.js';
import { BEACON_BYTES, GATE_MS, HEAD_BYTES, NOT_BEFORE, OFF_UNTIL, PENDING, STORAGE_BYTES, STREAM_MS } from './constants.js';
import { createKeeper } from './keeper.js';
import * as to from './messages.js';
import { createOutputs } from './outputs.js';
import { closeGate, gateOf } from './platform/gate.js';
import { isHidden, listen } from './platform/page.js';
import { openStore } from './platform/storage.js';
import { alarm } from './platform/timer.js';
import { transport } from './platform/transport.js';
import { attempt, utf8 } from './serialize.js';
import { createStream, priorityOf } from './streams.js';

/**
 * Drives the core: it has the texts, the storage, the network and the clocks; the core makes every decision about batches, and
 * deals in numbers alone. After each input the driver drains: it polls what is to be done, and does it, until nothing is.
 *
 * The core never calls. What the app does inside of a patched `setItem` finds it at rest, and waits until the drain is over. When it
 * traps, all texts are here: a fresh one is offered the same batches.
 *
 * @typedef {ReturnType<typeof createDriver>} Driver
 * @typedef {import('./streams.js').Stream} Stream
 * @typedef {import('./streams.js').Batch} Batch
 * @typedef {import('./serialize.js').Entry} Entry
 *
 * @typedef {object} Client
 * @property {import('./index.js').TelemetryOptions} options checked
 * @property {string} prefix of every key
 * @property {Storage | undefined} storage
 * @property {import('./writer.js').Members} members
 * @property {() => import('./core.js').Core} createCore a fresh one
 * @property {Parameters<typeof createStream>[1]} [stream] to go on with
 * @property {() => { track(entry: Entry): void } | undefined} [failed] there is no core any more; gives who goes on
 */

/** Calls for which the stack must have room, or an error waits for a task of its own: who reports that it is used up has none. */
const ROOM = 1_000;

/** A core that traps again within these ms is given up. */
const TRAP_MS = 60_000;

/** Takes the stack's room for so many calls; throws where it is used up. @returns {number} */
const dive = (calls = ROOM) => calls && 1 + dive(calls - 1);

/** @param {Client} client */
export function createDriver(client) {
  const { options, prefix, storage, members, createCore, stream, failed } = client;
  const limits = options.limits ?? {};
  const { storageBytes = STORAGE_BYTES } = limits;
  /** @type {Map<number, Stream>} by the key that the core knows */
  const streams = new Map();
  /** @type {Stream} the one in which events are numbered */
  let own;
  /** @type {Batch} the one that grows */
  let open;
  let context = ''; // the members that the core has been told
  /** @type {import('./core.js').Core | undefined} none after a trap */
  let core;
  let trapped = -TRAP_MS;
  let isLast = false; // there is no core after it
  let pending = 0; // events since the last drain
  let busy = true; // outputs are carried out, or there is no core
  /** @type {(() => void)[]} what came meanwhile */
  let later = [];
  let isDue = false; // a task is asked for that does it
  let over = false; // switched off, or disposed
  let isOff = false; // once a last line is sent
  /** @type {ReturnType<NonNullable<typeof failed>>} */
  let heir;
  let unlisten = () => {};

  const store = openStore(storage, storageBytes);
  const network = transport(options);
  const gated = gateOf(prefix, storage);
  const wake = alarm(() => input(to.TIME));
  const books = openBooks(() => hear(() => tell(to.COUNT)));
  const keeper = createKeeper(client, store, streams, {
    own: () => own,
    tell,
    tellDropped: (left) => tellDropped(left),
    when,
    drain,
    lost: () => begin(createStream(options), true),
    isOver: () => over || own.isOver || !core,
    forgive: () => (isLast = false),
  });
  const { carryOut, save, offer, tellDropped } = createOutputs(client, streams, store, network, books, tell, answerer, keeper.lookIn);

  // ── To the core, and back ──

  /**
   * What the core says; nothing where it traps, or there is none.
   * @template T, A
   * @param {(core: import('./core.js').Core, about: A) => T} call
   * @param {A} [about] spares the hot path a function made for each event
   */
  function ask(call, about) {
    try {
      return core && call(core, /** @type {A} */ (about));
    } catch {
      // Before anything is called: there may be no room for it.
      busy = true;
      core = undefined;
      trap();
    }
  }

  /** @param {(number | boolean | undefined)[]} message */
  function tell(...message) {
    return ask((core) => {
      for (const word of message) core.push(Math.min(/** @type {any} */ (word), to.NEVER)); // undefined is 0, true is 1
      return core.tell(performance.now());
    }) ?? 0;
  }

  /** The words of an output. @param {(core: import('./core.js').Core) => number} count */
  function hear(count) {
    return ask((core) => {
      const words = [];
      const n = count(core);
      while (words.length < n) words.push(core.word(words.length) >>> 0);
      return words;
    }) ?? [];
  }

  const poll = () => hear((core) => core.poll());

  /** Something happened. @param {number[]} message */
  const input = (...message) =>
    when(() => {
      keeper.check(); // before an answer erases
      tell(...message);
      drain();
    });

  /** How an answer comes to the core that asked: one that has trapped is answered no more. */
  function answerer() {
    const asker = core;
    return (/** @type {number[]} */ ...answer) => core === asker && input(to.ANSWER, ...answer);
  }

  /** Now, or in a task of its own after what is being done: who calls from a patched function never makes this task endless. */
  function when(/** @type {() => void} */ act, isLate = busy) {
    if (!isLate) return act();
    later.push(act);
    try {
      if (!isDue) {
        isDue = true; // a patched one may track
        setTimeout(resume);
      }
    } catch {
      isDue = false;
    }
  }

  function resume() {
    isDue = false;
    recover(); // where there was not even room to ask for it
    if (busy) return; // without a core, whose successor resumes
    const acts = later;
    later = [];
    for (const act of acts) when(act);
  }

  // ── Events ──

  /** Numbers an event and keeps its line; the rest is done once a task. One without a byte is counted as `invalid`. @param {Entry} entry */
  function track(entry) {
    const { line, bytes, high } = entry;
    if (over) return heir?.track(entry);
    if (busy || ((high || pending >= PENDING) && !attempt(dive))) return when(() => track(entry), true);
    if (!pending++) turn();
    const fate = ask(number, entry);
    if (fate === undefined) return track(entry); // once there is another core
    if (fate === to.BEGAN) {
      if (open?.text) open.lines = undefined;
      own.batches.set(own.next, (open = { first: own.next, n: 0, bytes: HEAD_BYTES + utf8(context), context, lines: '' }));
    }
    if (fate <= to.BEGAN) {
      open.lines += line;
      open.n++;
      open.bytes += bytes + 1; // its line break
      open.high ||= high;
      open.stored = open.text = undefined; // not all of it, should the core trap now
    }
    if (fate < to.REFUSED) own.next++;
    if (high || pending > PENDING) drain();
  }

  const number = (/** @type {import('./core.js').Core} */ core, /** @type {Entry} */ entry) =>
    core.track(entry.bytes, priorityOf(entry));

  /** Once a task: the page may have moved on, and the stream be over or a day old. */
  function turn() {
    // web-vitals and their like report once the page goes; such a stream has no lock, so anyone may finish it.
    if (own.isOver) begin(createStream(options), false);
    else if (Date.now() > own.born + STREAM_MS) renew();
    else tell(to.TIME);
    share();
    try {
      queueMicrotask(() => when(drain));
    } catch {
      pending = 0; // the next event asks again
    }
  }

  function share() {
    const now = members.now();
    if (now !== context) tell(to.CONTEXT, utf8((context = now)));
  }

  /** Another stream, with its lock. The old one's goes, and with it what is stored of it: it is never written again. */
  function renew() {
    const old = own;
    drain();
    begin(createStream(options), true);
    old.unlock();
  }

  function begin(/** @type {Stream} */ next, /** @type {boolean} */ isHeld) {
    streams.set(next.key, (own = next));
    if (isHeld) keeper.hold(own);
    tell(to.BEGIN, own.key, 0, 0);
  }

  // ── What the core asks for ──

  function drain() {
    if (busy || over) return;
    pending = 0;
    busy = true;
    /** @type {number[]} */
    let asked = [];
    try {
      keeper.check();
      while ((asked = poll())[0]) {
        if (asked[0] === to.OFF) isOff = true;
        else attempt(() => carryOut(asked));
      }
    } catch {} // also what a stack that is used up throws, wherever
    busy = !core;
    wake(asked[1] ?? to.NEVER, true);
    if (isHidden()) keeper.settle();
    if (!isOff) return;
    closeGate(prefix, storage, OFF_UNTIL, GATE_MS);
    stop();
  }

  // ── The page's life ──

  /** @param {import('./platform/page.js').PageEvent} event */
  function heard({ type, persisted }) {
    if (type === 'pageshow' && !persisted) return; // the first
    if (type === 'beforeunload' || type === 'pagehide') return go();
    const isLink = type === 'online' || type === 'offline';
    const isLeaving = !isLink && (type === 'freeze' || isHidden());
    if (isLink) tell(to.LINK, type === 'online');
    else {
      if (persisted) renew(); // the old streams are adopted, if nobody has
      tell(to.PAGE, isLeaving);
    }
    if (isLeaving) exit();
    drain();
    if (isLeaving) keeper.settle();
    else keeper.look();
  }

  function exit() {
    hearGate();
    tell(to.EXIT, BEACON_BYTES);
  }

  /** What the collector has told this tab or another. */
  function hearGate() {
    if (gated(OFF_UNTIL)) tell(to.SWITCH_OFF);
    else tell(to.GATE, gated(NOT_BEFORE));
  }

  /** The stream is closed, and every lock goes, for a held one keeps the page out of the back/forward cache. */
  function go() {
    tell(to.PAGE, 2);
    exit();
    drain();
    own.isOver = true;
    own.unlock();
    keeper.giveBack();
    drain();
    keeper.settle();
  }

  // ── Begin and end ──

  /** With a fresh core, which is told all that there is. True, unless it throws. */
  function start(fresh = createCore()) {
    core = fresh;
    const seed = Math.random() * to.NEVER;
    const head = utf8(JSON.stringify(own.head));
    // A batch as large as a small storage would cost all others their place.
    const batchBytes = Math.min(limits.batchBytes ?? to.NEVER, storageBytes / 4);
    let how = [to.START, seed, limits.memoryBytes, batchBytes, limits.flushAfter, limits.maxAge, head];
    // The core takes the last for its own.
    streams.delete(own.key);
    streams.set(own.key, own);
    for (const stream of streams.values()) {
      stream.isAdopted = undefined; // memory alone has some of it
      tell(...how, stream.key, stream.next, Math.max(Date.now() - stream.born, 0));
      how = [to.BEGIN];
      tellDropped(stream);
      for (const batch of stream.batches.values()) offer(stream, batch);
    }
    context = '';
    share();
    hearGate();
    if (own.isOver) tell(to.PAGE, 2);
    else if (isHidden()) tell(to.PAGE, 1);
    if (books.isWaited()) tell(to.FLUSH);
    busy = !core;
    drain();
    keeper.look();
    if (core) resume();
    return true;
  }

  /** The core has thrown: it is never called again. Its successor begins in a task of its own. */
  function trap() {
    setTimeout(recover);
    isLast = performance.now() - trapped < TRAP_MS;
    trapped = performance.now();
  }

  /** A fresh core in the place of one that has trapped, if it has. */
  function recover() {
    if (core || over) return;
    keeper.giveBack();
    // What was adopted or left is stored, and adopted again.
    for (const stream of streams.values()) {
      if (stream !== own && [...stream.batches.values()].every(({ stored }) => stored)) streams.delete(stream.key);
    }
    // There may be none.
    (!isLast && attempt(start)) || giveUp();
  }

  function giveUp() {
    unlisten();
    // At once, for the rest has to be fetched.
    for (const batch of own.batches.values()) batch.stored || save(own, batch);
    heir = failed?.();
    over = true;
    busy = false;
    writeDown();
    resume();
  }

  /** What is known of the streams; offline it waits. */
  function writeDown() {
    import('./last-line.js')
      .then(({ lastLine }) => {
        for (const stream of streams.values()) lastLine(stream, prefix, store, network, options);
        stop();
      })
      .catch(() => addEventListener('online', writeDown, { once: true }));
  }

  function stop() {
    over = true;
    unlisten();
    wake(to.NEVER);
    network.clear();
    for (const { unlock } of streams.values()) unlock();
    keeper.stop();
    books.finish();
  }

  const first = createStream(options, stream);
  streams.set(first.key, (own = first));
  if (!stream || !navigator.locks) keeper.hold(first); // the writer has no lease

  return {
    /** Goes on with what was given; what is tracked meanwhile waits. */
    start(/** @type {import('./core.js').Core} */ core) {
      unlisten = listen((event) => when(() => heard(event)));
      start(core);
      keeper.start();
    },

    track,

    /** @param {() => void} change of the members that batches carry from now on */
    say: (change) =>
      when(() => {
        attempt(change);
        share();
      }),

    /** @param {number} ms */
    flush(ms) {
      const flushed = books.wait(ms);
      if (over) books.finish();
      else input(to.FLUSH);
      return flushed;
    },

    stats: () => ({ mode: over ? 'off' : 'wasm', ...books.stats(), stream: own.id, storedBytes: store.used() }),

    dispose: () =>
      when(() => {
        if (over) return;
        unlisten();
        go();
        stop();
      }),
  };
}
