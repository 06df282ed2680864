// The wasm client's side of the browser, one API a file: what is JavaScript's work anyway costs a fraction of the bytes here.
// It reads, writes and reports; every decision is made in Rust, which knows these functions by the files of the same names in
// `src/platform/`. None of them throws.
import { keyPrefix, newId } from '../flag.js';
import { readOptions } from '../options.js';
import { attempt } from '../serialize.js';
import { SDK } from '../writer.js';
import { gate } from './gate.js';
import { lines } from './lines.js';
import { locks } from './locks.js';
import { page } from './page.js';
import { storage } from './storage.js';
import { timer } from './timer.js';
import { transport } from './transport.js';

/**
 * Tells Rust what happened: a number of `told.js`, what it is about, an HTTP status, a time in ms (NaN for none), a text.
 * @typedef {(what: number, id?: number, status?: number, ms?: number, text?: string) => void} Tell
 *
 * @typedef {object} Handover from the facade
 * @property {string} [body] the stream with what no storage has, in the form of a request
 * @property {() => void} [unlock] gives the stream's lock back
 */

/**
 * What one client has of the browser. A wrong option is named in the console, and there is no host.
 * @param {any} given options
 * @param {Handover | undefined} handover
 * @param {Tell} tell
 */
export function open(given, handover, tell) {
  try {
    const options = readOptions({ ...given, flag: 'ENABLED' }); // who constructs a client has decided
    return host(options, handover, tell);
  } catch (error) {
    console.error(`beaconry: options.${error} is missing or wrong; telemetry stays off`);
  }
}

/**
 * @param {import('../index.js').TelemetryOptions} options checked
 * @param {Handover | undefined} handover
 * @param {Tell} tell
 */
function host(options, handover, tell) {
  const { release, env, session, limits = {}, onDrop } = options;
  const prefix = keyPrefix(options);
  const store = options.persist === false ? undefined : attempt(() => localStorage);
  /** @type {Tell} */
  const told = (what, id = 0, status = 0, ms = NaN, text) => tell(what, id, status, ms, text);
  const parts = { ...locks(prefix, told), ...timer(told), ...page(options, told) };
  return {
    ...parts,
    ...gate(prefix, store),
    ...lines,
    ...storage(prefix, store),
    ...transport(options, told),
    newId,

    /** What a client begins with, in the form of a request; a new stream if `anew`, or where there is no facade. */
    beginning(/** @type {boolean} */ anew) {
      if (!anew && handover?.body) {
        parts.keep(handover.unlock);
        return handover.body;
      }
      return JSON.stringify({ stream: newId(), v: 1, sdk: SDK, release, env, session, tracked: 0 });
    },

    /** The bounds that the app chose, 0 for none, and whether there is a storage. */
    limits: () =>
      [limits.memoryBytes, limits.storageBytes, limits.batchBytes, limits.flushAfter, limits.maxAge, +!!store].map(
        (limit = 0) => Math.min(limit, 0xffffffff),
      ),

    /** The app hears of losses. */
    dropped: (/** @type {any} */ reason, /** @type {number} */ count) => attempt(() => onDrop?.(reason, count)),

    /** Lets go of every listener, timer and lock; if `forever`, nobody is there to be told any more. */
    letGo(/** @type {boolean} */ forever) {
      if (forever) tell = () => {};
      parts.listen(false);
      parts.clearTimers();
      parts.releaseAll();
    },
  };
}
