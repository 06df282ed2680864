import { DELIVERED, DROPPED, PAST } from './constants.js';
import { newId } from './flag.js';
import { HIGH, NORMAL, REASONS } from './messages.js';
import { attempt, utf8 } from './serialize.js';
import { headOf, textOf } from './writer.js';

/**
 * A batch of the driver's: the writer's, or one that was read from the storage.
 * @typedef {import('./writer.js').Batch & { text?: string }} Batch
 *
 * @typedef {object} Stream
 * @property {number} key the core's name for it
 * @property {string} id
 * @property {number} born Unix time in ms
 * @property {object} head what its line says of who sends
 * @property {string} line as it was told last
 * @property {number} next the next number
 * @property {Map<number, Batch>} batches by their first number
 * @property {() => void} unlock
 * @property {() => boolean} [isLost] whether another has taken it, where a lease holds it
 * @property {boolean} [isOver] nothing is numbered in it any more
 * @property {boolean} [isAdopted] false once it has been given back
 */

let keys = 0;

/**
 * A stream to begin with, or one that another has begun.
 * @param {import('./index.js').TelemetryOptions} options
 * @param {{ id: string, line: string, batches: Batch[], unlock: () => void }} [given]
 * @returns {Stream}
 */
export function createStream(options, given = { id: newId(), line: '', batches: [], unlock() {} }) {
  return {
    ...given,
    key: keys++,
    born: birthOf(given.id),
    head: headOf(given.id, options),
    next: attempt(() => JSON.parse(given.line).tracked) ?? 0,
    batches: new Map(given.batches.map((batch) => [batch.first, batch])),
  };
}

/**
 * The birth of a stream in Unix ms, of which an id's first eight characters are 48 bits.
 * @param {string} id
 */
export const birthOf = (id) =>
  [...atob(id.slice(0, 8).replaceAll('-', '+').replaceAll('_', '/'))].reduce((ms, byte) => ms * 256 + byte.charCodeAt(0), 0);

/** Runs of a line that stay as they are: 64 ranges and what lies between them are 1.5 kB, little beside a request's batches. */
const MANY = 128;

/**
 * The line of a stream, in the words of the core. Of many ranges, two with only acknowledged or dropped numbers between them become
 * one: stored wins over dropped, and a number with two reasons is still one loss.
 * @param {Stream} stream
 * @param {number[]} words
 */
export function lineFrom({ id, head }, [tracked, flags, ...runs]) {
  /** @type {Record<string, number[][]>} */
  const dropped = {};
  /** @type {number[][]} */
  const holds = [];
  let start = 0;
  let unknown = 0; // the end of what is neither acknowledged nor dropped
  for (let at = 0; at < runs.length; at += 2) {
    const fate = runs[at];
    const end = runs[at + 1];
    if (fate !== DELIVERED && fate !== PAST) {
      const told = fate < DROPPED ? holds : (dropped[REASONS[fate - DROPPED]] ??= []);
      const last = told.at(-1);
      if (last && runs.length > 2 * MANY && last[1] >= unknown) last[1] = end;
      else told.push([start, end]);
    }
    if (fate !== DELIVERED && fate < DROPPED) unknown = end;
    start = end;
  }
  // The collector could not read it: without what the app said of itself.
  return JSON.stringify({ ...(flags & 2 ? { stream: id, v: 1 } : head), tracked, dropped, holds, closed: !!(flags & 1) });
}

/**
 * A batch as on the wire, if its text is in memory.
 * @param {Batch | undefined} batch
 */
export const textFrom = (batch) => batch && (batch.text ?? textOf(batch));

/**
 * A batch as the storage has it, if it can be read.
 * @param {string} text
 * @param {number} at the number of its first event
 * @returns {Batch | undefined}
 */
export const readBatch = (text, at) =>
  attempt(() => {
    const { batch, n } = JSON.parse(text.split('\n', 1)[0]);
    const bytes = utf8(text);
    if (batch === at && n > 0) return { first: at, n, bytes, context: '', high: text.includes('\n{"type":"er'), stored: true, text };
  });

/**
 * The key of a batch, or of the stream line.
 * @param {string} prefix
 * @param {{ id: string }} stream
 * @param {number | string} [part]
 */
export const keyIn = (prefix, { id }, part = 's') => `${prefix}${id}:${part}`;

/** @param {{ high?: boolean }} event or batch */
export const priorityOf = ({ high }) => (high ? HIGH : NORMAL);
