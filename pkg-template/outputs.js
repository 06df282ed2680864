import { readAnswer } from './answer.js';
import { LOOK_AGAIN_MS, NOT_BEFORE, OFF_UNTIL } from './constants.js';
import * as to from './messages.js';
import { closeGate, gateOf } from './platform/gate.js';
import { attempt, utf8 } from './serialize.js';
import { keyIn, lineFrom, priorityOf, readBatch, textFrom } from './streams.js';

/**
 * Carries out what the core asks for.
 *
 * @typedef {import('./streams.js').Stream} Stream
 * @typedef {import('./streams.js').Batch} Batch
 *
 * @param {import('./driver.js').Client} client
 * @param {Map<number, Stream>} streams by the core's keys
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 * @param {ReturnType<typeof import('./platform/transport.js').transport>} network
 * @param {ReturnType<typeof import('./books.js').openBooks>} books
 * @param {(...message: (number | boolean | undefined)[]) => number} tell
 * @param {() => (...answer: number[]) => unknown} answerer
 * @param {(ms: number) => void} lookIn
 */
export function createOutputs({ options, prefix, storage }, streams, store, network, books, tell, answerer, lookIn) {
  /** @param {number[]} words */
  function carryOut([what, key, first, end, word, ...more]) {
    const stream = /** @type {Stream} */ (streams.get(key));
    const batch = stream?.batches.get(first);
    switch (what) {
      case to.PERSIST_LINE:
        stream.line = lineFrom(stream, more);
        return tell(to.STORED, store.write(keyIn(prefix, stream), stream.line));
      case to.PERSIST:
        return tell(to.STORED, batch && save(stream, batch));
      case to.ERASE_LINE:
        return store.erase(keyIn(prefix, stream));
      case to.ERASE:
        return erase(stream, first, end);
      case to.FORGET:
        return stream.batches.delete(first);
      case to.FETCH:
      case to.BEACON:
        return send(stream, word, what === to.BEACON, more.splice(0, first), more);
      case to.DROPPED:
        return options.onDrop?.(to.REASONS[word], end - first);
      case to.FLUSHED:
        return books.finish();
      case to.SETTLED:
        streams.delete(key);
        stream.unlock();
        if (![...streams.values()].some(({ isAdopted }) => isAdopted)) lookIn(LOOK_AGAIN_MS);
        return;
      case to.GATED:
        return closeGate(prefix, storage, NOT_BEFORE, key);
    }
  }

  const keyOf = (/** @type {Stream} */ stream, /** @type {number} */ first) => keyIn(prefix, stream, first);

  function save(/** @type {Stream} */ stream, /** @type {Batch} */ batch) {
    const { first, bytes } = batch;
    batch.text = textFrom(batch); // it is sent as well
    return (batch.stored = store.put(keyOf(stream, first), batch.text ?? '', bytes));
  }

  /**
   * Erases what was acknowledged, and nothing that was written since. In streams of this page nobody else writes, and what was sent
   * does not grow.
   */
  function erase(/** @type {Stream} */ stream, /** @type {number} */ first, /** @type {number} */ end) {
    const key = keyOf(stream, first);
    const batch = stream.isAdopted ? readBatch(store.read(key), first) : stream.batches.get(first);
    stream.batches.delete(first);
    if (batch && first + batch.n > end) offer(stream, batch);
    else store.erase(key, batch?.bytes);
  }

  function offer(/** @type {Stream} */ { key, batches }, /** @type {Batch} */ batch) {
    const { first, n, bytes, stored } = batch;
    const text = textFrom(batch);
    batches.set(first, batch);
    tell(to.OFFER, key, first, first + n, text ? utf8(text) : bytes, stored, priorityOf(batch));
  }

  /** A batch as on the wire, from memory or from the storage; what cannot be read is counted, and is nothing. */
  function read(/** @type {Stream} */ stream, /** @type {number} */ first) {
    const batch = stream.batches.get(first);
    const kept = textFrom(batch);
    if (kept) return kept;
    const text = store.read(keyOf(stream, first));
    const n = batch?.n ?? 0;
    if (readBatch(text, first)?.n === n) return text;
    // Of a stream whose lock this page has given back, another may have delivered it.
    if (!stream.isOver || stream.isAdopted) tell(to.LOST, stream.key, to.REASONS.indexOf('storage'), first, first + n);
    return '';
  }

  /** What a stream's line tells as dropped. */
  function tellDropped(/** @type {Stream} */ { key, line }) {
    const dropped = attempt(() => JSON.parse(line).dropped) ?? {};
    to.REASONS.forEach((reason, at) => {
      for (const [start, end] of dropped[reason] ?? []) tell(to.KNOWN, key, at, start, end);
    });
  }

  function send(/** @type {Stream} */ stream, /** @type {number} */ id, /** @type {boolean} */ isBeacon, /** @type {number[]} */ carried, /** @type {number[]} */ line) {
    stream.line = lineFrom(stream, line);
    const body = `${stream.line}\n${carried.map((first) => read(stream, first)).join('')}`;
    if (isBeacon) return tell(to.HANDED, id, network.beacon(stream.id, body));
    const answer = answerer();
    /** @type {import('./platform/transport.js').Reply} */
    const reply = (status, retryAfter = NaN, text = '') =>
      answer(id, status, retryAfter >= 0 ? retryAfter : to.NEVER, ...readAnswer(text));
    // What another tab was told since.
    const gate = gateOf(prefix, storage);
    const wait = gate(NOT_BEFORE);
    // The last line goes out all the same: no other tab knows what this one has dropped.
    if (gate(OFF_UNTIL) && carried.length) tell(to.ANSWER, id, 410, to.NEVER, to.DISABLED);
    else if (wait) tell(to.ANSWER, id, 429, wait, 0);
    else network.post(stream.id, body, reply);
  }

  return { carryOut, save, offer, tellDropped };
}
