// Loaded with drain.js: a stream that is delivered without the core. Nothing is written to it any more.
import { KEY } from './platform/storage.js';
import { attempt } from './serialize.js';
import { birthOf, keyIn, readBatch, textFrom } from './streams.js';

/** Bytes of a request, but for a single larger batch; and when a batch is dropped as `age`, by default, in ms: the core's, whose requests may grow. */
const REQUEST_BYTES = 131_072;
const MAX_AGE_MS = 14 * 86_400_000;

/**
 * @typedef {import('./streams.js').Batch} Batch
 * @typedef {ReturnType<typeof createParcel>} Parcel
 *
 * @param {import('./streams.js').Stream} stream
 * @param {string} prefix of every key
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 * @param {import('./index.js').TelemetryOptions} options
 * @param {(fate: 'delivered' | 'released' | import('./index.js').DropReason, n: number) => void} tell what became of so many events
 */
export function createParcel(stream, prefix, store, { limits, onDrop }, tell) {
  const { id, batches, unlock } = stream;
  const isExpired = Date.now() - birthOf(id) > (limits?.maxAge ?? MAX_AGE_MS);
  /** @type {Record<string, number[][]>} by reason */
  const dropped = attempt(() => JSON.parse(stream.line).dropped) ?? {};
  for (const [reason, ranges] of Object.entries(dropped)) {
    for (const [start, end] of ranges) tell(/** @type {import('./index.js').DropReason} */ (reason), end - start);
  }
  let isMine = true; // its lock is held
  const parcel = {
    id,
    batches,
    /** Drops that no answer has heard of. */
    hasNews: false,
    /** One batch a request: several were refused together. */
    isAlone: false,

    /** The line as it is told: nothing more is numbered. */
    line() {
      const holds = [...batches.values()].map(({ first, n }) => [first, first + n]);
      return JSON.stringify({ ...stream.head, tracked: stream.next, dropped, holds, closed: true });
    },

    /** No collector can read it: without what the app said of itself. Whether that is new. */
    renew() {
      const { v, ...more } = /** @type {any} */ (stream.head);
      stream.head = { stream: id, v: 1 };
      return Object.keys(more).length > 1;
    },

    /**
     * What the next request carries, and its text: what matters most, then the oldest. What is too old is dropped, and what
     * cannot be read.
     */
    pick() {
      if (isExpired) parcel.releaseAll('age');
      const all = [...batches.values()].sort((a, b) => +!!b.high - +!!a.high || a.first - b.first);
      /** @type {Batch[]} */
      const picked = [];
      let text = '';
      for (const batch of all) {
        const its = textFrom(batch) ?? store.read(keyIn(prefix, stream, batch.first));
        if (!batch.lines && readBatch(its, batch.first)?.n !== batch.n) parcel.release(batch, 'storage');
        else if (!picked[0] || (!parcel.isAlone && text.length + batch.bytes <= REQUEST_BYTES)) {
          picked.push(batch);
          text += its;
        }
      }
      return { picked, text };
    },

    /**
     * Keeps a batch no longer: it is delivered, or dropped for a reason; then that is told before it is erased, or where the longer
     * line does not fit, after.
     * @param {Batch} batch
     * @param {import('./index.js').DropReason} [reason]
     */
    release({ first, n, bytes, stored }, reason) {
      batches.delete(first);
      tell(reason ?? 'delivered', n);
      /** @type {boolean | undefined} */
      let isTold = !reason;
      if (reason) {
        (dropped[reason] ??= []).push([first, first + n]);
        parcel.hasNews = true;
        isTold = save();
        setTimeout(() => attempt(() => onDrop?.(reason, n)));
      }
      if (!stored || !isMine) return;
      const key = keyIn(prefix, stream, first);
      const grown = readBatch(store.read(key), first);
      if (grown && grown.n > n) batches.set(first, { ...grown, text: undefined });
      else store.erase(key, bytes);
      if (!isTold) save();
    },

    /** @param {import('./index.js').DropReason} reason */
    releaseAll: (reason) => batches.forEach((batch) => parcel.release(batch, reason)),

    /** Everything is settled, and told. */
    finish() {
      if (isMine) store.erase(keyIn(prefix, stream));
      unlock();
    },

    /** What is stored is anyone's; what only memory has stays here. */
    leave() {
      isMine = false;
      unlock();
      for (const [first, { n, stored }] of batches) {
        if (stored && batches.delete(first)) tell('released', n);
      }
    },
  };

  const save = () => isMine && store.write(keyIn(prefix, stream), parcel.line());

  return parcel;
}

/**
 * The batches of a stream as the storage has them; they are read again when they are sent.
 * @param {import('./streams.js').Stream} stream gets them
 * @param {string} prefix
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 */
export function readBatches(stream, prefix, store) {
  for (const key of store.keys()) {
    const [, id, first] = KEY.exec(key) ?? [];
    if (id !== stream.id || !first || !key.startsWith(prefix)) continue;
    const batch = readBatch(store.read(key), +first) ?? { first: +first, n: 1, bytes: 0, context: '', stored: true };
    stream.batches.set(+first, { ...batch, text: undefined });
    stream.next = Math.max(stream.next, +first + batch.n);
  }
}
