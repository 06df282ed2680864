import { allOf, STORE } from './platform/mirror.js';
import { attempt, utf8 } from './serialize.js';
import { keyIn } from './streams.js';

/** How long a database may take to answer, in ms: then the stream is taken as the storage has it. */
const READ_MS = 10_000;

/**
 * What the mirror has of a stream.
 * @param {string} id
 * @param {ReturnType<typeof import('./platform/mirror.js').openMirror>} [mirror]
 * @returns {Promise<string[] | undefined>} undefined where nobody knows
 */
export async function bodiesOf(id, mirror) {
  let timer = 0;
  const patience = new Promise((resolve) => (timer = +setTimeout(resolve, READ_MS)));
  const bodies = mirror?.opened.then((db) => done(db.transaction(STORE).objectStore(STORE).getAll(allOf(id)))).catch(() => {});
  const first = await Promise.race([bodies, patience]);
  clearTimeout(timer);
  return first;
}

/** @param {IDBRequest} request */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => reject(event.preventDefault());
  });

/**
 * Brings back into the storage what only the mirror has of a stream: of two values the longer, and all that the lines tell. Gives
 * the stream's line, and the batches that do not fit.
 * @param {string} prefix
 * @param {{ id: string }} stream
 * @param {string[]} bodies
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 */
export function restore(prefix, stream, bodies, store) {
  /** @type {Map<number, string>} */
  const homeless = new Map();
  const lineKey = keyIn(prefix, stream);
  const lines = new Set([store.read(lineKey)]);
  for (const body of bodies) {
    attempt(() => {
      for (const [first, value] of partsOf(body)) {
        const key = keyIn(prefix, stream, first);
        const there = store.read(key);
        if (first === undefined) lines.add(value);
        else if (value.length > (homeless.get(first) ?? there).length) {
          homeless.delete(first);
          if (!store.put(key, value, utf8(value), utf8(there))) homeless.set(first, value);
        }
      }
    });
  }
  const line = [...lines].filter((text) => text).reduce(both, '');
  if (lines.size > 1) store.write(lineKey, line);
  return { line, homeless };
}

/**
 * What a body is made of: the stream line, and batches by their first number.
 * @param {string} body
 * @returns {Generator<[number | undefined, string]>}
 */
function* partsOf(body) {
  const lines = body.split('\n');
  for (let at = 0; at < lines.length - 1; ) {
    const { stream, batch, n } = JSON.parse(lines[at]);
    if (stream) yield [undefined, lines[at++]];
    else yield [batch, `${lines.slice(at, (at += n + 1)).join('\n')}\n`];
  }
}

/**
 * A line that tells what either does. Neither is the better: the one may be longer, the other younger.
 * @param {string} one
 * @param {string} other
 */
function both(one, other) {
  const [a, b] = [one, other].map((line) => attempt(() => JSON.parse(line)));
  if (!a || !b) return a ? one : other;
  /** @type {Record<string, number[][]>} */
  const dropped = {};
  for (const { dropped: told } of [a, b]) for (const reason in told) dropped[reason] = [...(dropped[reason] ?? []), ...told[reason]];
  return JSON.stringify({ ...a, tracked: Math.max(a.tracked, b.tracked), dropped });
}
