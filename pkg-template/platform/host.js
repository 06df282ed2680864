// The wasm client's side of the browser, one API a file: what is JavaScript's work anyway costs a fraction of the bytes here.
// It reads, writes and reports; every decision is made in Rust, which knows these functions by the files of the same names in
// `src/platform/`. None of them throws.
import { keyPrefix, newId } from '../flag.js';
import { readOptions } from '../options.js';
import { attempt } from '../serialize.js';
import { SDK } from '../writer.js';
import { books } from './books.js';
import { gate } from './gate.js';
import { inbox } from './inbox.js';
import { lastLine } from './last-line.js';
import { lines } from './lines.js';
import { locks } from './locks.js';
import { page } from './page.js';
import { storage } from './storage.js';
import { timer } from './timer.js';
import { DISPOSE } from './told.js';
import { transport } from './transport.js';

/**
 * Tells Rust what happened: a number of `told.js`, what it is about, an HTTP status, a time in ms (NaN for none), a text.
 * @typedef {(what: number, id?: number, status?: number, ms?: number, text?: string) => void} Tell
 *
 * As it enters Rust: with the ms of the monotonic clock and of the wall clock.
 * @typedef {(what: number, id: number, status: number, ms: number, text: string, now: number, unix: number) => void} Entry
 *
 * @typedef {object} Handover from the facade
 * @property {string} [body] the stream with what no storage has, in the form of a request
 * @property {() => void} [unlock] gives the stream's lock back
 * @property {(lines: string[]) => void} [failed] Rust has trapped while these lines were on their way
 * @property {ReturnType<typeof host>} [host] set for the facade, which talks to it and not to Rust
 */

/**
 * What one client has of the browser. A wrong option is named in the console, and there is no host.
 * @param {any} given options
 * @param {Handover | undefined} handover
 * @param {Entry} entry
 */
export function open(given, handover = {}, entry) {
  try {
    const options = readOptions({ ...given, flag: 'ENABLED' }); // who constructs a client has decided
    return (handover.host = host(options, handover, entry));
  } catch (error) {
    console.error(`beaconry: options.${error} is missing or wrong; telemetry stays off`);
  }
}

/**
 * @param {import('../index.js').TelemetryOptions} options checked
 * @param {Handover} handover
 * @param {Entry} entry
 */
function host(options, handover, entry) {
  const { release, env, session, limits = {}, onDrop } = options;
  const prefix = keyPrefix(options);
  const store = options.persist === false ? undefined : attempt(() => localStorage);
  let stream = '';
  let first = 0; // the number with which it came
  /** @type {'off' | undefined} */
  let mode;
  let over = false;
  /** @type {Tell} */
  const tell = (...what) => door.tell(...what);
  const life = page(options, tell);
  const door = inbox(entry, life.members, failed);
  const parts = {
    ...locks(prefix, tell),
    ...timer(tell),
    ...books(tell, () => ({ stream, waiting: door.waiting(), over, ...(mode && { mode }) })),
    ...storage(prefix, store),
    ...transport(options, tell),
  };

  /** Nobody is there any more: what the storage has is for who adopts it, and what it has not is counted. */
  function failed(/** @type {string[]} */ lines) {
    const line = attempt(() => lastLine(head(), parts, stream, first + door.crossed(false)));
    if (line) parts.write(line, stream) || parts.beacon(stream, `${line}\n`);
    letGo(true);
    attempt(() => handover.failed?.(lines));
  }

  const head = () => JSON.stringify({ stream, v: 1, sdk: SDK, release, env, session, tracked: 0 });

  function letGo(/** @type {boolean} */ forever) {
    over = true;
    if (forever) door.close();
    life.listen(false);
    parts.clearTimers();
    parts.clearRequests();
    parts.releaseAll();
    parts.finish(undefined);
  }

  return {
    ...parts,
    ...gate(prefix, store),
    ...life,
    ...lines((line) => over || door.trackLine(line)),

    setUser: (/** @type {unknown} */ user) => door.turn(() => life.setUser(user)),
    setContext: (/** @type {unknown} */ context) => door.turn(() => life.setContext(context)),
    dispose: () => tell(DISPOSE),

    /** Another stream begins. */
    newId() {
      door.crossed(true);
      first = 0;
      return (stream = newId());
    },

    /** What a client begins with, in the form of a request; a new stream if `anew`, or where there is no facade. */
    beginning(/** @type {boolean} */ anew) {
      const { body } = handover;
      const given = anew ? undefined : attempt(() => JSON.parse(/** @type {string} */ (body).split('\n', 1)[0]));
      if (!given) {
        this.newId();
        return head();
      }
      parts.keep(handover.unlock);
      stream = given.stream;
      first = given.tracked;
      return body;
    },

    /** Two clocks, a seed, the bounds that the app chose, 0 for none, and whether there is a storage. */
    limits: () =>
      [performance.now(), Date.now(), Math.random(), limits.memoryBytes, limits.storageBytes, limits.batchBytes, limits.flushAfter, limits.maxAge, +!!store].map(
        (limit = 0) => limit,
      ),

    /** From here on the page is heard. */
    ready() {
      door.ready();
      life.listen(true);
    },

    /** The app hears of losses. */
    dropped: (/** @type {any} */ reason, /** @type {number} */ count) => attempt(() => onDrop?.(reason, count)),

    /** Switched off by the collector. */
    off: () => void (mode = 'off'),

    /** Lets go of every listener, timer and lock; if `forever`, nobody is there to be told any more. */
    letGo,
  };
}
